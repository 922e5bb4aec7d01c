using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// Arguments as a dictionary with bare keys and delimited strings without escapes (Gemma). Required keys come first and in their order; the optional
/// ones follow in any order, and only the parser sees to it that each counts once.
/// </summary>
/// <param name="Delimiter">The text around strings.</param>
internal sealed record DictArguments(string Delimiter)
{
    private const ValueTypes Scalars = ValueTypes.Null | ValueTypes.Whole | ValueTypes.Number | ValueTypes.Truth;

    public ConstraintNode Build(ArgumentSchema schema) => Dictionary(schema, new PlaceBudget(), 0);

    private ConstraintNode Dictionary(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        if (!budget.Take(depth) || schema.Properties is not { } properties)
        {
            return Free(DelimitedKind.Dictionary);
        }

        var required = properties.Where(property => property.IsRequired).Select(Pair).ToArray();
        var optional = properties.Where(property => !property.IsRequired).ToArray();
        var elements = new List<ConstraintNode> { "{" };
        for (var i = 0; i < required.Length; i++)
        {
            elements.AddRange(i == 0 ? [required[i]] : [",", required[i]]);
        }

        if (optional.Length > 0)
        {
            var more = Star(Sequence(",", OneOf()));
            elements.Add(required.Length > 0 ? more : Optional(Sequence(OneOf(), more)));
        }

        elements.Add("}");
        return Sequence([.. elements]);

        ConstraintNode OneOf() => Choice([.. optional.Select(Pair)]);

        ConstraintNode Pair((string Name, ArgumentSchema Value, bool IsRequired) property) =>
            Sequence(Literal(property.Name + ":"), Value(property.Value, budget, depth + 1));
    }

    private ConstraintNode Value(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        if (schema.Texts is { } texts)
        {
            return Choice([.. texts.Select(text => Literal(Delimiter + text + Delimiter))]);
        }

        var types = schema.Types;
        if (schema.IsAny || types == ValueTypes.Unknown)
        {
            return Free(DelimitedKind.Value);
        }

        var alternatives = new List<ConstraintNode>();
        if (types.HasFlag(ValueTypes.Text))
        {
            alternatives.Add(types == ValueTypes.Text && schema.Pattern is { } pattern
                ? Sequence(Literal(Delimiter), Pattern(pattern), Literal(Delimiter))
                : Sequence(Literal(Delimiter), UpTo(Delimiter)));
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
            alternatives.Add(Json((types & ~Scalars) == 0 ? schema.ToNode() : new JsonObject { ["type"] = ScalarNames(types) }));
        }

        return Choice([.. alternatives]);
    }

    private ConstraintNode List(ArgumentSchema items, PlaceBudget budget, int depth)
    {
        if (items.IsAny || !budget.Take(depth))
        {
            return Free(DelimitedKind.List);
        }

        return Sequence("[", Optional(Sequence(Value(items, budget, depth + 1), Star(Sequence(",", Value(items, budget, depth + 1))))), "]");
    }

    private static JsonArray ScalarNames(ValueTypes types)
    {
        var names = new JsonArray();
        foreach (var (type, name) in (ReadOnlySpan<(ValueTypes, string)>)[
            (ValueTypes.Null, "null"), (ValueTypes.Whole, "integer"), (ValueTypes.Number, "number"), (ValueTypes.Truth, "boolean")])
        {
            if (types.HasFlag(type))
            {
                names.Add((JsonNode)name);
            }
        }

        return names;
    }

    /// <summary>A value no schema describes.</summary>
    private DelimitedValueNode Free(DelimitedKind kind) => new(Delimiter, kind);
}
