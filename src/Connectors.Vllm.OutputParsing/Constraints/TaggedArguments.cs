using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// Arguments one after the other, each between markers with its name, strings as they are and all other values as JSON: the families for which xgrammar
/// has no style. Declared arguments come in their order, the optional ones where they like to.
/// </summary>
internal sealed record TaggedArguments
{
    private static readonly string[] Types = ["string", "number", "boolean", "object", "array", "null"];

    /// <summary>Text before an argument's name.</summary>
    public required string NameOpen { get; init; }

    /// <summary>Text between an argument's name and its value, for the value's JSON type.</summary>
    public required Func<string, string> NameClose { get; init; }

    /// <summary>Text behind a value.</summary>
    public required string ValueClose { get; init; }

    /// <summary>Text between two arguments, and behind the last.</summary>
    public string Between { get; init; } = "";

    /// <summary>True where objects and arrays are not plain JSON, but escaped: then they are any text.</summary>
    public bool EscapesNested { get; init; }

    /// <summary>How a name is written; as it is when not set.</summary>
    public Func<string, string> Escape { get; init; } = name => name;

    public JsonObject Build(ArgumentSchema schema)
    {
        if (schema.Properties is not { } properties)
        {
            var values = Types.Select(NameClose).Distinct().Select(close => Tag(close, AnyText(), ValueClose));
            return Star(Ended(Sequence(Const(NameOpen), Regex("[^\"<>&|\\n]+"), Or([.. values]))));
        }

        var elements = new List<JsonObject>();
        foreach (var (name, value, isRequired) in properties)
        {
            var argument = Ended(Tag(NameOpen + Escape(name) + NameClose(TypeName(value.Types)), EscapesNested && (value.Types & (ValueTypes.Map | ValueTypes.List)) != 0 ? AnyText() : Value(value), ValueClose));
            elements.Add(isRequired ? argument : Optional(argument));
        }

        return elements.Count == 0 ? Nothing() : Sequence([.. elements]);
    }

    /// <summary>A value whose strings are written without quotes.</summary>
    public static JsonObject Value(ArgumentSchema schema) =>
        schema.Texts is { } texts ? Or([.. texts.Select(Const)])
        : schema.IsAny || schema.Types == ValueTypes.Unknown || schema.Types.HasFlag(ValueTypes.Text)
            ? schema is { Types: ValueTypes.Text, Pattern: { } pattern } ? Regex(pattern) : AnyText()
        : Schema(schema.ToNode());

    private JsonObject Ended(JsonObject argument) => Between.Length == 0 ? argument : Sequence(argument, Const(Between));

    private static string TypeName(ValueTypes types) =>
        types == ValueTypes.Unknown || types.HasFlag(ValueTypes.Text) ? "string"
        : types.HasFlag(ValueTypes.Whole) || types.HasFlag(ValueTypes.Number) ? "number"
        : types.HasFlag(ValueTypes.Truth) ? "boolean"
        : types.HasFlag(ValueTypes.Map) ? "object"
        : types.HasFlag(ValueTypes.List) ? "array"
        : "null";
}
