using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

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

    /// <summary>Text after a value.</summary>
    public required string ValueClose { get; init; }

    /// <summary>What stands after every argument.</summary>
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
        schema.Texts is { } texts ? Sequence(OneOf(texts), Literal(close))
        : schema.IsAny || schema.Types == ValueTypes.Unknown || schema.Types.HasFlag(ValueTypes.Text)
            ? schema is { Types: ValueTypes.Text, Pattern: { } pattern } && SchemaPattern.IsPlain(pattern)
                ? Sequence(Pattern(pattern), Literal(close))
                : UpTo(close)
        : Sequence(Json(schema), Literal(close));

    private static ConstraintNode OneOf(IEnumerable<string> texts)
    {
        var written = texts.Where(text => text.Length > 0).Select(Literal).ToArray();
        return written.Length == 0 ? Nothing : texts.Contains("", StringComparer.Ordinal) ? Optional(Choice(written)) : Choice(written);
    }

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
            return Sequence(NameClose("string"), OneOf(written), Literal(ValueClose));
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
            alternatives.Add(types == ValueTypes.Text && schema.Pattern is { } pattern && SchemaPattern.IsPlain(pattern)
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

/// <summary>The members of an object with a separator between them, of which some may be missing.</summary>
internal static class MemberList
{
    // Where every member may be missing, each can be the first: the text grows with the square of their number.
    private const int MaxPairs = 36;

    /// <summary>
    /// The members in the order given. Where all may be missing and they are many, any of them in any order; only the parser sees then that each
    /// counts once.
    /// </summary>
    public static ConstraintNode InOrder(IReadOnlyList<(ConstraintNode Member, bool IsRequired)> members, ConstraintNode separator)
    {
        var first = members.Index().FirstOrDefault(member => member.Item.IsRequired, (-1, default)).Index;
        if (first >= 0)
        {
            return Sequence([
                .. members.Take(first).Select(member => Optional(Sequence(member.Member, separator))), members[first].Member,
                    .. members.Skip(first + 1).Select(More)]);
        }

        if (members.Count * (members.Count + 1) / 2 > MaxPairs)
        {
            return InAnyOrder([], [.. members.Select(member => member.Member)], separator);
        }

        return members.Count == 0 ? Nothing
            : Optional(Choice([.. members.Select((member, i) => Sequence([member.Member, .. members.Skip(i + 1).Select(More)]))]));

        ConstraintNode More((ConstraintNode Member, bool IsRequired) member)
        {
            var next = Sequence(separator, member.Member);
            return member.IsRequired ? next : Optional(next);
        }
    }

    /// <summary>The required members in their order, with the others anywhere between them.</summary>
    public static ConstraintNode InAnyOrder(IReadOnlyList<ConstraintNode> required, IReadOnlyList<ConstraintNode> optional, ConstraintNode separator)
    {
        var elements = new List<ConstraintNode>();
        var one = optional.Count == 0 ? null : Choice([.. optional]);

        // The separator belongs to each alternative: a lexer that reads the longest match must not find it alone where it may also begin a required
        // member.
        var more = one is null ? Nothing : Star(Choice([.. optional.Select(member => Sequence(separator, member))]));
        if (required.Count == 0)
        {
            return one is null ? Nothing : Optional(Sequence(one, more));
        }

        var everywhere = (required.Count + 1) * optional.Count <= 4 * MaxPairs;
        for (var i = 0; i < required.Count; i++)
        {
            elements.AddRange(i > 0 ? [separator] : one is not null && everywhere ? [Star(Sequence(one, separator))] : []);
            elements.Add(required[i]);
            elements.AddRange(everywhere || i == required.Count - 1 ? [more] : []);
        }

        return Sequence([.. elements]);
    }
}

/// <summary>
/// How many places of a schema are spelled out in elements; what lies beyond is left to any value. Definitions that refer to each other, or to
/// themselves, would otherwise grow without bound, and a tag nested too deeply is not JSON that a server reads.
/// </summary>
internal sealed class PlaceBudget
{
    private const int Places = 500;
    private const int Depth = 2;
    private int _left = Places;

    /// <summary>Takes one place; false when there is none left.</summary>
    /// <param name="depth">How many objects and arrays are around it.</param>
    public bool Take(int depth) => depth <= Depth && _left-- > 0;
}
