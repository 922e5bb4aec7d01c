using System.Text.Json;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A constraint on the output; at most one per request. The factory methods check what can be checked without the server and throw
/// <see cref="VllmRequestException"/>. Immutable.
/// </summary>
public sealed class OutputConstraint
{
    private OutputConstraint(OutputConstraintKind kind, string value, IReadOnlyList<string> choices)
    {
        Kind = kind;
        Value = value;
        Choices = choices;
    }

    /// <summary>The kind of constraint.</summary>
    internal OutputConstraintKind Kind { get; }

    /// <summary>
    /// The schema, expression, grammar or tag; empty for <see cref="OutputConstraintKind.JsonObject"/> and <see cref="OutputConstraintKind.Choice"/>.
    /// </summary>
    internal string Value { get; }

    /// <summary>The strings of a <see cref="OutputConstraintKind.Choice"/>; else empty.</summary>
    internal IReadOnlyList<string> Choices { get; }

    /// <summary>
    /// The same constraint in another language, for servers whose grammar compiler does not read this one: a structural tag is compiled by xgrammar
    /// only, and an engine keeps to one compiler. Null when there is none.
    /// </summary>
    internal OutputConstraint? Alternative { get; private init; }

    /// <summary>True when an empty output satisfies the constraint; where it does not, an empty answer is taken for a refusal.</summary>
    internal bool MayBeEmpty { get; private init; }

    /// <summary>This constraint, with the same in another language.</summary>
    /// <param name="alternative">What to send where this one cannot be compiled.</param>
    /// <param name="mayBeEmpty">Whether an empty output satisfies both.</param>
    internal OutputConstraint WithAlternative(OutputConstraint alternative, bool mayBeEmpty = false)
    {
        ArgumentNullException.ThrowIfNull(alternative);
        return new(Kind, Value, Choices)
        {
            Alternative = new(alternative.Kind, alternative.Value, alternative.Choices) { MayBeEmpty = mayBeEmpty },
            MayBeEmpty = mayBeEmpty,
        };
    }

    /// <summary>
    /// Constrains the output to JSON that satisfies <paramref name="schema"/>, which is a JSON object, <c>true</c> or <c>false</c>.
    /// </summary>
    public static OutputConstraint JsonSchema(string schema)
    {
        RequireJson(schema, "JSON schema", JsonValueKind.Object, JsonValueKind.True, JsonValueKind.False);
        return new(OutputConstraintKind.JsonSchema, schema, []);
    }

    /// <summary>Constrains the output to a JSON object.</summary>
    public static OutputConstraint JsonObject() => new(OutputConstraintKind.JsonObject, string.Empty, []);

    /// <summary>Constrains the output to text that matches <paramref name="pattern"/> as a whole.</summary>
    public static OutputConstraint Regex(string pattern) => new(OutputConstraintKind.Regex, RequireText(pattern, "regular expression"), []);

    /// <summary>Constrains the output to text that follows <paramref name="grammar"/>.</summary>
    public static OutputConstraint Grammar(string grammar) => new(OutputConstraintKind.Grammar, RequireText(grammar, "grammar"), []);

    /// <summary>Constrains marked parts of the output; <paramref name="tag"/> is a structural tag in vLLM's JSON format.</summary>
    public static OutputConstraint StructuralTag(string tag)
    {
        RequireJson(tag, "structural tag", JsonValueKind.Object);
        return new(OutputConstraintKind.StructuralTag, tag, []);
    }

    /// <summary>Constrains the output to one of <paramref name="choices"/>.</summary>
    public static OutputConstraint Choice(IEnumerable<string> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        var list = choices.ToArray();
        return list.Length == 0 || Array.IndexOf(list, null) >= 0
            ? throw Bad("A choice constraint requires at least one string.")
            : new(OutputConstraintKind.Choice, string.Empty, list);
    }

    /// <summary>Returns the kind and a shortened value, for messages.</summary>
    public override string ToString()
    {
        var text = Kind == OutputConstraintKind.Choice ? string.Join(" | ", Choices) : Value;
        return text.Length == 0 ? Kind.ToString() : $"{Kind} {(text.Length > 200 ? string.Concat(text.AsSpan(0, 200), "…") : text)}";
    }

    private static string RequireText(string text, string what)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length == 0 ? throw Bad($"The {what} is empty.") : text;
    }

    private static void RequireJson(string json, string what, params ReadOnlySpan<JsonValueKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 512 });
            if (!kinds.Contains(document.RootElement.ValueKind))
            {
                throw Bad($"The {what} is a JSON {document.RootElement.ValueKind}, not an object.");
            }
        }
        catch (JsonException exception)
        {
            throw Bad($"The {what} is not valid JSON: {exception.Message}", exception);
        }
    }

    private static VllmRequestException Bad(string message, Exception? inner = null) =>
        new(message, inner) { StatusCode = StatusCode.InvalidArgument, Parameter = nameof(GenerationRequest.Constraint) };
}

/// <summary>The kinds of output constraint that vLLM knows.</summary>
internal enum OutputConstraintKind
{
    /// <summary>The output is JSON that satisfies a JSON schema.</summary>
    JsonSchema = 0,

    /// <summary>The output is a JSON object.</summary>
    JsonObject = 1,

    /// <summary>The output matches a regular expression as a whole.</summary>
    Regex = 2,

    /// <summary>The output follows a grammar (EBNF or Lark, depending on the server's backend).</summary>
    Grammar = 3,

    /// <summary>Parts of the output, marked by triggers, follow schemas (a structural tag in JSON).</summary>
    StructuralTag = 4,

    /// <summary>The output is one of several strings.</summary>
    Choice = 5,
}
