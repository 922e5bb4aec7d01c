using System.Text.Json.Nodes;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// What an output must look like, independent of how a server is told: formats build this tree once, and <see cref="TagRenderer"/> and
/// <see cref="LarkRenderer"/> write it in the two languages that vLLM's grammar compilers read.
/// </summary>
internal abstract record ConstraintNode
{
    /// <summary>No text at all.</summary>
    public static ConstraintNode Nothing { get; } = new SequenceNode([]);

    /// <summary>A text where a node is expected is a literal.</summary>
    public static implicit operator ConstraintNode(string text) => Literal(text);

    /// <summary>Exactly this text; parts of it may be special tokens of the vocabulary.</summary>
    public static ConstraintNode Literal(string text) => text.Length == 0 ? Nothing : new LiteralNode(text);

    /// <summary>Text that matches a regular expression as a whole.</summary>
    public static ConstraintNode Pattern(string regex) => new PatternNode(regex);

    /// <summary>One JSON value.</summary>
    public static ConstraintNode Json(JsonNode schema) => new JsonValueNode(schema, IsOfTool: false);

    /// <summary>One JSON value of a tool's schema: what a compiler does not know of it is left out.</summary>
    public static ConstraintNode Json(ArgumentSchema schema) => new JsonValueNode(schema.ToNode(), IsOfTool: true);

    /// <summary>Any text up to the first of the ends, which belongs to it.</summary>
    public static ConstraintNode UpTo(params string[] ends) => new FreeTextNode(ends, false, []);

    /// <summary>Any text up to the first of the ends or to the end of the output.</summary>
    public static ConstraintNode UpToEndOr(params string[] ends) => new FreeTextNode(ends, true, []);

    /// <summary>All elements, in this order; a single one is itself.</summary>
    public static ConstraintNode Sequence(params ConstraintNode[] elements) => elements.Length == 1 ? elements[0] : new SequenceNode(elements);

    /// <summary>One of the alternatives; a single one is itself.</summary>
    public static ConstraintNode Choice(params ConstraintNode[] alternatives) => alternatives.Length == 1
        ? alternatives[0]
        : new ChoiceNode(alternatives);

    public static ConstraintNode Optional(ConstraintNode content) => new RepeatNode(content, 0, 1);

    public static ConstraintNode Star(ConstraintNode content) => new RepeatNode(content, 0, null);

    /// <summary>The elements one after the other, sequences within sequences opened, and literals side by side made one.</summary>
    public static List<ConstraintNode> Flatten(ConstraintNode node)
    {
        var flat = new List<ConstraintNode>();
        Add(node);
        return flat;

        void Add(ConstraintNode element)
        {
            if (element is SequenceNode sequence)
            {
                foreach (var inner in sequence.Elements)
                {
                    Add(inner);
                }
            }
            else if (element is LiteralNode literal && flat is [.., LiteralNode before])
            {
                flat[^1] = new LiteralNode(before.Text + literal.Text);
            }
            else
            {
                flat.Add(element);
            }
        }
    }
}

internal sealed record LiteralNode(string Text) : ConstraintNode;

/// <summary>One special token of the vocabulary.</summary>
internal sealed record SpecialTokenNode(string Text, int Id) : ConstraintNode;

internal sealed record PatternNode(string Regex) : ConstraintNode;

internal sealed record JsonValueNode(JsonNode Schema, bool IsOfTool) : ConstraintNode;

/// <summary>Any text up to the first of some markers.</summary>
/// <param name="Ends">The markers; the text runs to the end of the output where there are none.</param>
/// <param name="MayStop">Whether the output may also end before any marker.</param>
/// <param name="Excludes">Texts that must not occur in it.</param>
internal sealed record FreeTextNode(string[] Ends, bool MayStop, string[] Excludes) : ConstraintNode;

internal sealed record SequenceNode(ConstraintNode[] Elements) : ConstraintNode;

internal sealed record ChoiceNode(ConstraintNode[] Alternatives) : ConstraintNode;

/// <summary>A part that may be missing or come several times.</summary>
/// <param name="Item">The part.</param>
/// <param name="Min">0 or 1.</param>
/// <param name="Max">1, or null for any number.</param>
/// <param name="Separator">Text between two.</param>
internal sealed record RepeatNode(ConstraintNode Item, int Min, int? Max, string Separator = "") : ConstraintNode;

/// <summary>Free text in which a trigger always begins one of the calls.</summary>
/// <param name="Trigger">The text that every call begins with.</param>
/// <param name="Calls">The calls.</param>
/// <param name="Many">Whether text and calls may go on after the first.</param>
/// <param name="Excludes">Texts that must not occur outside of calls.</param>
internal sealed record CallsInTextNode(string Trigger, ConstraintNode[] Calls, bool Many, string[] Excludes) : ConstraintNode;

/// <summary>A value of any shape with bare keys and delimited strings, which has no bound on its depth.</summary>
/// <param name="Delimiter">The text around strings.</param>
/// <param name="Kind">What it must be.</param>
internal sealed record DelimitedValueNode(string Delimiter, DelimitedKind Kind) : ConstraintNode;

/// <summary>A Python literal of any shape, which has no bound on its depth.</summary>
/// <param name="Kind">What it must be.</param>
internal sealed record PythonValueNode(DelimitedKind Kind) : ConstraintNode;

internal enum DelimitedKind
{
    Value,
    Dictionary,
    List,
}

/// <summary>A grammar of the caller's own, EBNF (with <c>::=</c>) or Lark.</summary>
internal sealed record GrammarNode(string Text) : ConstraintNode
{
    public bool IsEbnf => Text.Contains("::=", StringComparison.Ordinal);
}

/// <summary>The format of a structural tag of the caller's own.</summary>
internal sealed record TagFormatNode(JsonObject Format) : ConstraintNode;
