using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// Arguments as a dictionary with bare keys and delimited strings without escapes (Gemma). Required keys come first and in their order; the optional ones
/// follow in any order, and only the parser sees to it that each counts once.
/// </summary>
/// <param name="Delimiter">The text around strings.</param>
internal sealed record DictArguments(string Delimiter)
{
    private const ValueTypes Scalars = ValueTypes.Null | ValueTypes.Whole | ValueTypes.Number | ValueTypes.Truth;

    public JsonObject Build(ArgumentSchema schema) => Dictionary(schema, new PlaceBudget(), 0);

    private JsonObject Dictionary(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        if (!budget.Take(depth) || schema.Properties is not { } properties)
        {
            return Free("dictionary");
        }

        var required = properties.Where(property => property.IsRequired).Select(Pair).ToArray();
        var optional = properties.Where(property => !property.IsRequired).ToArray();
        var elements = new List<JsonObject> { Const("{") };
        for (var i = 0; i < required.Length; i++)
        {
            elements.AddRange(i == 0 ? [required[i]] : [Const(","), required[i]]);
        }

        if (optional.Length > 0)
        {
            var more = Star(Sequence(Const(","), OneOf()));
            elements.Add(required.Length > 0 ? more : Optional(Sequence(OneOf(), more)));
        }

        elements.Add(Const("}"));
        return Sequence([.. elements]);

        JsonObject OneOf() => Or([.. optional.Select(Pair)]);

        JsonObject Pair((string Name, ArgumentSchema Value, bool IsRequired) property) => Sequence(Const(property.Name + ":"), Value(property.Value, budget, depth + 1));
    }

    private JsonObject Value(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        if (schema.Texts is { } texts)
        {
            return Or([.. texts.Select(text => Const(Delimiter + text + Delimiter))]);
        }

        var types = schema.Types;
        if (schema.IsAny || types == ValueTypes.Unknown)
        {
            return Free("value");
        }

        var alternatives = new List<JsonObject>();
        if (types.HasFlag(ValueTypes.Text))
        {
            alternatives.Add(types == ValueTypes.Text && schema.Pattern is { } pattern
                ? Sequence(Const(Delimiter), Regex(pattern), Const(Delimiter))
                : Tag(Delimiter, AnyText(), Delimiter));
        }

        if (types.HasFlag(ValueTypes.Map))
        {
            alternatives.Add(Dictionary(schema, budget, depth));
        }

        if (types.HasFlag(ValueTypes.List))
        {
            alternatives.Add(List(schema.Items, budget, depth));
        }

        if ((types & Scalars) != 0)
        {
            // Numbers, true, false and null are spelled as in JSON.
            alternatives.Add(Schema((types & ~Scalars) == 0 ? schema.ToNode() : new JsonObject { ["type"] = ScalarNames(types) }));
        }

        return Or([.. alternatives]);
    }

    private JsonObject List(ArgumentSchema items, PlaceBudget budget, int depth)
    {
        if (items.IsAny || !budget.Take(depth))
        {
            return Free("list");
        }

        return Sequence(Const("["), Optional(Sequence(Value(items, budget, depth + 1), Star(Sequence(Const(","), Value(items, budget, depth + 1))))), Const("]"));
    }

    private static JsonArray ScalarNames(ValueTypes types)
    {
        var names = new JsonArray();
        foreach (var (type, name) in (ReadOnlySpan<(ValueTypes, string)>)[(ValueTypes.Null, "null"), (ValueTypes.Whole, "integer"), (ValueTypes.Number, "number"), (ValueTypes.Truth, "boolean")])
        {
            if (types.HasFlag(type))
            {
                names.Add((JsonNode)name);
            }
        }

        return names;
    }

    /// <summary>A value no schema describes. Its strings do without what could begin a delimiter.</summary>
    private JsonObject Free(string root) => Grammar($$"""
        root ::= {{root}}
        value ::= string | number | "true" | "false" | "null" | dictionary | list
        dictionary ::= "{" (pair ("," pair)*)? "}"
        pair ::= [a-zA-Z0-9_.$-]+ ":" value
        list ::= "[" (value ("," value)*)? "]"
        string ::= {{JsonText.Quote(Delimiter)}} ([^<] | "<" [^<{{Delimiter[1]}}])* {{JsonText.Quote(Delimiter)}}
        number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?
        """);
}
