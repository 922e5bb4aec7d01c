using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// Arguments as a dictionary with bare keys and delimited strings without escapes (Gemma). Required keys come in their order or sorted; the optional
/// ones may stand anywhere, and only the parser sees to it that each counts once.
/// </summary>
/// <param name="Delimiter">The text around strings.</param>
internal sealed record DictArguments(string Delimiter)
{
    private const string Key = "[a-zA-Z0-9_.$-]+";
    private const ValueTypes Scalars = ValueTypes.Null | ValueTypes.Whole | ValueTypes.Number | ValueTypes.Truth;

    public ConstraintNode Build(ArgumentSchema schema) => Dictionary(schema, new PlaceBudget(), 0);

    private ConstraintNode Dictionary(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        if (!budget.Take(depth) || schema.Properties is not { } properties)
        {
            return Free(DelimitedKind.Dictionary);
        }

        var optional = properties.Where(property => !property.IsRequired).Select(Pair).ToList();
        if (schema.Others is { } others)
        {
            optional.Add(Sequence(Pattern(Key), ":", Value(others, budget, depth + 1)));
        }

        // Templates that sort what they print teach models to do so.
        var declared = properties.Where(property => property.IsRequired).ToArray();
        var sorted = declared.OrderBy(property => property.Name, StringComparer.OrdinalIgnoreCase).ToArray();
        var required = declared.Select(Pair).ToArray();
        var members = MemberList.InAnyOrder(required, optional, ",");
        return declared.SequenceEqual(sorted)
            ? Sequence("{", members, "}")
            : Sequence("{", Choice(members, MemberList.InAnyOrder([.. sorted.Select(Pair)], optional, ",")), "}");

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
            alternatives.Add((types & ~Scalars) == 0 ? Json(schema) : Json(new JsonObject { ["type"] = (types & Scalars).ToNames() }));
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

    /// <summary>A value no schema describes.</summary>
    private DelimitedValueNode Free(DelimitedKind kind) => new(Delimiter, kind);
}
