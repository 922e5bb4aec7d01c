using System.Text.Json.Nodes;
using static Connectors.Vllm.OutputParsing.TagElements;

namespace Connectors.Vllm.OutputParsing;

/// <summary>Arguments as elements that nest like the data, every tag announced by a mark of its own (MiniMax M3).</summary>
/// <param name="Mark">The mark before every tag.</param>
internal sealed record ElementArguments(string Mark)
{
    private const int MaxDepth = 8;

    public JsonObject Build(ArgumentSchema schema) => Members(schema, 0);

    private JsonObject Members(ArgumentSchema schema, int depth)
    {
        if (schema.Properties is not { } properties)
        {
            // Elements of any name, whose values are text or JSON.
            return Star(Sequence(Const(Mark + "<"), Regex("[^\"<>/ \\n]+"), Tag(">", AnyText(), Mark + "</"), Regex("[^\"<>/ \\n]+"), Const(">")));
        }

        var elements = properties.Select(property => property.IsRequired
            ? Element(property.Name, property.Value, depth)
            : Optional(Element(property.Name, property.Value, depth))).ToArray();
        return elements.Length == 0 ? Nothing() : Sequence(elements);
    }

    private JsonObject Element(string name, ArgumentSchema schema, int depth)
    {
        var (open, close) = ($"{Mark}<{name}>", $"{Mark}</{name}>");
        return schema.Types switch
        {
            ValueTypes.Map when depth < MaxDepth && schema.Properties is { Count: > 0 } => Sequence(Const(open), Members(schema, depth + 1), Const(close)),
            ValueTypes.List when depth < MaxDepth && !schema.Items.IsAny => Sequence(Const(open), Star(Element("item", schema.Items, depth + 1)), Const(close)),
            _ => Tag(open, NamedArguments.Value(schema), close),
        };
    }
}
