using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Arguments as elements that nest like the data, every tag announced by a mark of its own (MiniMax M3).</summary>
/// <param name="Mark">The mark before every tag.</param>
internal sealed record ElementArguments(string Mark)
{
    private const string Name = "[^\"<>/ \\n]+";

    public ConstraintNode Build(ArgumentSchema schema) => Members(schema, new PlaceBudget(), 0);

    private ConstraintNode Members(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        // Elements of any name, whose values are text or JSON.
        var others = schema.Others is null ? Nothing : Star(Sequence(Literal(Mark + "<"), Pattern(Name), ">", UpTo(Mark + "</"), Pattern(Name), ">"));
        var declared = (schema.Properties ?? []).Select(property => property.IsRequired
            ? Element(property.Name, property.Value, budget, depth)
            : Optional(Element(property.Name, property.Value, budget, depth)));
        return Sequence([.. declared, others]);
    }

    private ConstraintNode Element(string name, ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        var (open, close) = ($"{Mark}<{name}>", $"{Mark}</{name}>");
        return schema.Types switch
        {
            ValueTypes.Map when schema.Properties is { Count: > 0 } && budget.Take(depth) =>
                Sequence(open, Members(schema, budget, depth + 1), Literal(close)),
            ValueTypes.List when !schema.Items.IsAny && budget.Take(depth) =>
                Sequence(open, Star(Element("item", schema.Items, budget, depth + 1)), Literal(close)),

            // What nests beyond that may be JSON or elements again.
            var types when (types & (ValueTypes.Map | ValueTypes.List)) != 0 => Sequence(open, UpTo(close)),
            _ => Sequence(open, TaggedArguments.Value(schema, close)),
        };
    }
}
