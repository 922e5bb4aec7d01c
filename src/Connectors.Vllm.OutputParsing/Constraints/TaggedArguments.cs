using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// Arguments one after the other, each between markers with its name, strings as they are and all other values as JSON. Declared arguments come in
/// their order, the optional ones where they like to.
/// </summary>
internal sealed record TaggedArguments
{
    private static readonly string[] Types = ["string", "number", "boolean", "object", "array", "null"];

    /// <summary>Text before an argument's name.</summary>
    public required string NameOpen { get; init; }

    /// <summary>What stands between an argument's name and its value, for the value's JSON type.</summary>
    public required Func<string, ConstraintNode> NameClose { get; init; }

    /// <summary>Text behind a value.</summary>
    public required string ValueClose { get; init; }

    /// <summary>What stands behind every argument.</summary>
    public ConstraintNode After { get; init; } = Nothing;

    /// <summary>True when <see cref="NameClose"/> tells strings from other values.</summary>
    public bool IsTyped { get; init; }

    /// <summary>True where objects and arrays are not plain JSON, but escaped: then they are any text.</summary>
    public bool EscapesNested { get; init; }

    /// <summary>How a name is written; as it is when not set.</summary>
    public Func<string, string> Escape { get; init; } = name => name;

    public ConstraintNode Build(ArgumentSchema schema)
    {
        var declared = (schema.Properties ?? []).Select(property =>
        {
            var argument = Sequence(Literal(NameOpen + Escape(property.Name)), Argument(property.Value), After);
            return property.IsRequired ? argument : Optional(argument);
        });
        return Sequence([.. declared, schema.Others is { } others
            ? Star(Sequence(Literal(NameOpen), Pattern("[^\"<>&|\\n]+"), Argument(others), After)) : Nothing]);
    }

    /// <summary>A value whose strings are written without quotes, with the text that ends it.</summary>
    public static ConstraintNode Value(ArgumentSchema schema, string close) =>
        schema.Texts is { } texts ? Sequence(Choice([.. texts.Select(Literal)]), Literal(close))
        : schema.IsAny || schema.Types == ValueTypes.Unknown || schema.Types.HasFlag(ValueTypes.Text)
            ? schema is { Types: ValueTypes.Text, Pattern: { } pattern } ? Sequence(Pattern(pattern), Literal(close)) : UpTo(close)
        : Sequence(Json(schema), Literal(close));

    private ConstraintNode Argument(ArgumentSchema schema)
    {
        var isOpen = schema.IsAny || schema.Types == ValueTypes.Unknown;
        if (EscapesNested && !isOpen && (schema.Types & (ValueTypes.Map | ValueTypes.List)) != 0)
        {
            return Sequence(NameClose("object"), UpTo(ValueClose));
        }

        if (EscapesNested && schema.Texts is { } texts)
        {
            var written = texts.Concat(texts.Select(EscapeText)).Distinct(StringComparer.Ordinal);
            return Sequence(NameClose("string"), Choice([.. written.Select(Literal)]), Literal(ValueClose));
        }

        if (!IsTyped)
        {
            return Sequence(NameClose("string"), Value(schema, ValueClose));
        }

        // A value that may be of several types says which it is.
        var mayBeText = isOpen || schema.Types.HasFlag(ValueTypes.Text);
        var others = Types.Skip(1).Where(type => isOpen || Has(schema.Types, type)).Select(NameClose).Distinct().ToArray();
        var json = others.Length == 0 ? null : Sequence(Choice(others), Json(schema), Literal(ValueClose));
        return !mayBeText ? json! : json is null ? Text() : Choice(Text(), json);

        ConstraintNode Text() => Sequence(NameClose("string"), Value(schema, ValueClose));
    }

    private static string EscapeText(string text) =>
        new StringBuilder(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&quot;").ToString();

    private static bool Has(ValueTypes types, string type) => (types & type switch
    {
        "number" => ValueTypes.Whole | ValueTypes.Number,
        "boolean" => ValueTypes.Truth,
        "object" => ValueTypes.Map,
        "array" => ValueTypes.List,
        "null" => ValueTypes.Null,
        _ => ValueTypes.Text,
    }) != 0;
}
