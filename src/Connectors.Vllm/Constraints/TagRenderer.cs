using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using System.Text.Json;
using System.Text;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// Writes a constraint as a structural tag, which only xgrammar compiles. https://xgrammar.mlc.ai/docs/structural_tag/structural_tag
/// </summary>
/// <param name="boundsWhiteSpace">Whether at most one white space character may stand at any place in JSON.</param>
internal sealed class TagRenderer(bool boundsWhiteSpace)
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="OutputFormatException">The constraint has a part that structural tags cannot express.</exception>
    public string Render(ConstraintNode constraint) => Write(new JsonObject { ["type"] = "structural_tag", ["format"] = Element(constraint) });

    public static string Write(JsonNode node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Relaxed))
        {
            node.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private JsonObject Element(ConstraintNode node) => node switch
    {
        LiteralNode literal => new() { ["type"] = "const_string", ["value"] = literal.Text },
        PatternNode pattern => new() { ["type"] = "regex", ["pattern"] = pattern.Regex },
        JsonValueNode json => Json(json.IsOfTool ? ToolSchemaText.ForXGrammar(json.Schema) : json.Schema),
        FreeTextNode text => FreeText("", text),
        SequenceNode => Sequence(ConstraintNode.Flatten(node)),
        ChoiceNode choice => new() { ["type"] = "or", ["elements"] = Array(choice.Alternatives.Select(Element)) },
        RepeatNode repeat => Repeat(repeat),
        CallsInTextNode calls => Excluding(
            new()
            {
                ["type"] = "triggered_tags",
                ["triggers"] = new JsonArray(calls.Trigger),
                ["tags"] = Array(calls.Calls.Select(Tag)),
                ["at_least_one"] = false,
                ["stop_after_first"] = !calls.Many,
            },
            calls.Excludes),
        PythonValueNode value => Grammar(PythonValueEbnf(value)),
        DelimitedValueNode value => Grammar(DelimitedValueEbnf(value)),
        GrammarNode { IsEbnf: true } grammar => Grammar(grammar.Text),
        GrammarNode => throw new OutputFormatException(
            "A Lark grammar cannot be part of a structural tag. Write the grammar in EBNF (with '::='), or turn off thinking and tools for this "
                + "request."),
        TagFormatNode tag => (JsonObject)tag.Format.DeepClone(),
        _ => throw new InvalidOperationException($"No tag for {node.GetType().Name}."),
    };

    private JsonObject Json(JsonNode schema)
    {
        var element = new JsonObject { ["type"] = "json_schema", ["json_schema"] = schema.DeepClone() };
        if (boundsWhiteSpace)
        {
            element["max_whitespace_cnt"] = 1;
        }

        return element;
    }

    /// <summary>A literal before free text is the beginning of its tag.</summary>
    private JsonObject Sequence(List<ConstraintNode> flat)
    {
        var elements = new List<JsonObject>();
        for (var i = 0; i < flat.Count; i++)
        {
            if (flat[i] is LiteralNode begin && i + 1 < flat.Count && flat[i + 1] is FreeTextNode text)
            {
                elements.Add(FreeText(begin.Text, text));
                i++;
            }
            else
            {
                elements.Add(Element(flat[i]));
            }
        }

        return elements.Count switch
        {
            // xgrammar does not accept an empty const_string or regex.
            0 => Grammar("root ::= \"\""),
            1 => elements[0],
            _ => new() { ["type"] = "sequence", ["elements"] = Array(elements) },
        };
    }

    /// <summary>An empty end among several means that the output may end there as well.</summary>
    private static JsonObject FreeText(string begin, FreeTextNode text)
    {
        var content = Excluding(new JsonObject { ["type"] = "any_text" }, text.Excludes);
        if (begin.Length == 0 && text.Ends.Length == 0)
        {
            return content;
        }

        var ends = text.MayStop || text.Ends.Length == 0 ? [.. text.Ends, ""] : text.Ends;
        return Tag(begin, content, ends);
    }

    private JsonObject Repeat(RepeatNode repeat)
    {
        if (repeat is { Min: 1, Max: 1 })
        {
            return Element(repeat.Item);
        }

        if (repeat.Min == 0)
        {
            return repeat.Separator.Length == 0
                ? new() { ["type"] = repeat.Max == 1 ? "optional" : "star", ["content"] = Element(repeat.Item) }
                : throw new InvalidOperationException("Only parts that come at least once have a separator.");
        }

        return new()
        {
            ["type"] = "tags_with_separator",
            ["tags"] = Array((repeat.Item is ChoiceNode choice ? choice.Alternatives : [repeat.Item]).Select(Tag)),
            ["separator"] = repeat.Separator,
            ["at_least_one"] = true,
            ["stop_after_first"] = false,
        };
    }

    /// <summary>A call as a tag: the literals around it are its begin and its end.</summary>
    private JsonObject Tag(ConstraintNode call)
    {
        var flat = ConstraintNode.Flatten(call);
        var begin = flat is [LiteralNode first, ..] ? first.Text : throw new InvalidOperationException("A call begins with a literal.");
        var end = flat.Count > 1 && flat[^1] is LiteralNode last ? last.Text : "";
        return Tag(begin, Sequence(flat[1..(end.Length > 0 ? ^1 : ^0)]), end);
    }

    private static JsonObject Tag(string begin, JsonObject content, params string[] ends) => new()
    {
        ["type"] = "tag",
        ["begin"] = begin,
        ["content"] = content,
        ["end"] = ends.Length == 1 ? ends[0] : Strings(ends),
    };

    private static JsonObject Grammar(string ebnf) => new() { ["type"] = "grammar", ["grammar"] = ebnf };

    /// <summary>Strings do without what could begin a delimiter.</summary>
    private static string DelimitedValueEbnf(DelimitedValueNode node) => $$"""
        root ::= {{node.Kind.ToString().ToLowerInvariant()}}
        value ::= string | number | "true" | "false" | "null" | dictionary | list
        dictionary ::= "{" (pair ("," pair)*)? "}"
        pair ::= [a-zA-Z0-9_.$-]+ ":" value
        list ::= "[" (value ("," value)*)? "]"
        string ::= {{JsonText.Quote(node.Delimiter)}} ([^<] | "<" [^<{{node.Delimiter[1]}}])* {{JsonText.Quote(node.Delimiter)}}
        number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?
        """;

    private static string PythonValueEbnf(PythonValueNode node) => $$"""
        root ::= {{node.Kind.ToString().ToLowerInvariant()}}
        value ::= string | number | "True" | "False" | "None" | "true" | "false" | "null" | dictionary | list
        dictionary ::= "{" (pair ("," " "? pair)*)? "}"
        pair ::= string ":" " "? value
        list ::= "[" (value ("," " "? value)*)? "]"
        string ::= "'" ([^'\\] | "\\" [^\x00])* "'" | "\"" ([^"\\] | "\\" [^\x00])* "\""
        number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?
        """;

    private static JsonObject Excluding(JsonObject element, string[] excludes)
    {
        if (excludes.Length > 0)
        {
            element["excludes"] = Strings(excludes);
        }

        return element;
    }

    private static JsonArray Array(IEnumerable<JsonObject> elements) => new([.. elements]);

    private static JsonArray Strings(string[] texts) => new([.. texts.Select(text => JsonValue.Create(text))]);
}
