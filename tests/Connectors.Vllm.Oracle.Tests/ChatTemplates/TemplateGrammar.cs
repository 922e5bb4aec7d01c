using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>
/// Random templates from a grammar: mostly valid, now and then wrong, over values of every type. Generators of each depth are built once.
/// </summary>
internal static class TemplateGrammar
{
    private const int MaxDepth = 3;

    private static readonly string[] Names =
        ["messages", "tools", "x", "y", "ns", "bos_token", "i", "j", "m", "undefined_name", "add_generation_prompt"];

    private static readonly string[] Constants =
    [
        "0", "1", "2", "-1", "3", "1.5", "2.0", "''", "'a'", "'Ab c'", "' x\\n '", "'é🎉'", "'<&>'", "none", "true", "false", "[]", "{}", "()",
        "[1, 2, 3]", "['b', 'a', 'C']", "{'a': 1, 'b': 'z'}", "(1, 'x')", "range(4)", "10**20", "1e20", "'1'", "[[1, 2], [3]]",
        "[{'a': 2}, {'a': 1, 'b': 3}]", "namespace(a=1)",
    ];

    private static readonly string[] Filters =
    [
        "upper", "lower", "trim", "length", "list", "first", "last", "string", "int", "float", "join", "join(',')", "sort", "unique|list",
        "reverse|list", "tojson", "tojson(indent=1)", "default('d')", "default('d', true)", "title", "capitalize", "replace('a', 'b')", "abs",
        "round", "sum", "min", "max", "items|list", "dictsort", "map('string')|list", "map(attribute='a')|list", "select|list", "reject('none')|list",
        "selectattr('a', 'defined')|list", "batch(2)|list", "indent", "wordcount", "escape", "safe", "e", "count", "slice(2)|list", "urlencode",
        "truncate(3)", "center(7)", "striptags", "groupby('a')|list", "d", "trim('a ')",
    ];

    private static readonly string[] TestNames =
    [
        "defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "odd", "even", "integer", "float", "boolean", "true",
        "false", "lower", "upper", "callable", "divisibleby(2)", "in [1, 'a']", "eq 1", "sameas none", "not none", "not defined",
    ];

    private static readonly string[] Methods =
    [
        "upper()", "strip()", "split()", "split(',')", "startswith('a')", "replace('a', 'x')", "items()|list", "keys()|list", "get('a')",
        "get('q', 5)", "a", "b", "role", "content", "count('a')", "find('a')", "title()", "join(['p', 'q'])", "format(1)", "isdigit()", "lstrip('a')",
        "append(1)", "index(1)", "x.y", "splitlines()", "endswith('c')", "rsplit(' ', 1)", "zfill(4)",
    ];

    private static readonly string[] Operators = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"];

    // In the order of their use: what is deeper comes first.
    private static readonly Gen<string>[] Expressions = ByDepth<string>(Expression);

    private static readonly Gen<TemplatePiece>[] Statements = ByDepth<TemplatePiece>(Statement);

    /// <summary>Two assignments and one to three statements.</summary>
    public static Gen<TemplatePiece[]> Templates { get; } =
        from constant in Gen.Elements(Constants)
        from statements in Statements[MaxDepth].ListBetween(1, 3)
        select (TemplatePiece[])[new("{% set x = " + constant + " %}{% set ns = namespace(a=0) %}"), .. statements];

    private static Gen<T>[] ByDepth<T>(Func<int, IReadOnlyList<Gen<T>>, Gen<T>> make)
    {
        var made = new List<Gen<T>>();
        for (var depth = 0; depth <= MaxDepth; depth++)
        {
            made.Add(make(depth, made));
        }

        return [.. made];
    }

    private static Gen<string> Expression(int depth, IReadOnlyList<Gen<string>> lower)
    {
        if (depth == 0)
        {
            return Gen.OneOf(Pick(Names), Pick(Constants));
        }

        var operand = Operand(depth);
        var small = Operand(1);
        return Gen.Frequency(
            (1, Pick(Constants)),
            (1, Pick(Names)),
            (2, Join(operand, "|", Pick(Filters))),
            (1, Join(operand, " is ", Pick(TestNames))),
            (1, Join(operand, " ", Pick(Operators), " ", operand)),
            (1, Join(operand, ".", Pick(Methods))),
            (1, Join(operand, "[", Pick("0", "-1", "1:", ":2", "::-1", "'a'", "'role'", "x", "5", "1:-1"), "]")),
            (1, Join(operand, " if ", small, Gen.Frequency((1, Pick("")), (2, Join(" else ", operand))))),
            (1, Join("not ", operand)),
            (1, Gen.OneOf(
                Join("[", small, ", ", small, "]"),
                Join("{'a': ", small, ", 'k': ", small, "}"),
                Join("(", small, ", ", small, ")"),
                Join("'%s-%s' % (", small, ", ", small, ")"),
                Join("-", small),
                Join("dict(a=", small, ")"),
                Join("range(", Pick("0", "2", "x"), ")|list"))));

        Gen<string> Operand(int of) => Gen.Frequency((1, Join("(", lower[of - 1], ")")), (2, lower[0]));
    }

    private static Gen<TemplatePiece> Statement(int depth, IReadOnlyList<Gen<TemplatePiece>> lower)
    {
        var text = Leaf(Pick("a", " b ", "\n", "\n  ", "c\n\n", "{# c #}", "{#- c -#}\n", "é🎉"));
        var print = Leaf(Join(Pick("{{ ", "{{- "), Expressions[depth], Pick(" }}", " -}}")));
        if (depth == 0)
        {
            return Gen.Frequency((1, text), (2, print));
        }

        var body = lower[depth - 1].ListBetween(1, 2);
        var nothing = Gen.Constant<TemplatePiece[]>([]);
        var expression = Expressions[depth];
        var small = Expressions[1];
        var otherwise = WithBody(Leaf(Tag(Gen.OneOf(Pick("else"), Join("elif ", small)))), body);
        var ifEmpty = WithBody(Leaf(Tag(Pick("else"))), body);
        var inLoop = Leaf(Pick(
            "", "{{ loop.index }}", "{{ loop.last }}{{ loop.length }}", "{% if loop.index > 1 %}{% break %}{% endif %}",
            "{% if loop.first %}{% continue %}{% endif %}z", "{{ loop.previtem }}{{ loop.nextitem }}"));
        return Gen.Frequency(
            (1, text),
            (4, print),
            (2, Block(Join("if ", expression), Together(body, Gen.OneOf(nothing, otherwise)), "endif")),
            (2, Block(
                Join("for ", Pick("i", "j", "m", "i, j"), " in ", expression, Gen.Frequency((1, Join(" if ", small)), (3, Pick("")))),
                Together(body, inLoop.Select(piece => (TemplatePiece[])[piece]), Gen.Frequency((1, ifEmpty), (3, nothing))),
                "endfor")),
            (2, Leaf(Tag(Join("set ", Pick("x", "y", "ns.a", "ns.b", "i", "messages", "x, y"), " = ", expression)))),
            (1, Block(Join("set ", Pick("x", "y", "x | upper", "y | trim")), body, "endset")),
            (1, Macro(depth, small, body)),
            (1, Gen.OneOf(
                Block(Pick("filter upper", "filter trim", "filter replace('a', 'b')"), body, "endfilter"),
                Block(Join("with i = ", small), body, "endwith"),
                Block(Pick("generation"), body, "endgeneration"))));
    }

    private static Gen<TemplatePiece> Macro(int depth, Gen<string> value, Gen<TemplatePiece[]> body) =>
        from macro in Block(Join($"macro f{depth}(i, j=", value, ")"), body, "endmacro")
        from arguments in Pick("(1)", "(x, y)", "(j=2, i=x)", "()", "(1, 2)|upper", "(1, 2, 3)")
        select macro with { Close = macro.Close + "{{ f" + depth + arguments + " }}" };

    private static Gen<TemplatePiece> Block(Gen<string> open, Gen<TemplatePiece[]> body, string close) =>
        from opened in Tag(open)
        from inside in body
        from closed in Tag(Pick(close))
        select new TemplatePiece(opened, inside, closed);

    private static Gen<TemplatePiece[]> WithBody(Gen<TemplatePiece> head, Gen<TemplatePiece[]> body) =>
        Together(head.Select(piece => (TemplatePiece[])[piece]), body);

    private static Gen<TemplatePiece[]> Together(params Gen<TemplatePiece[]>[] parts) =>
        Gen.CollectToArray(parts).Select(all => all.SelectMany(pieces => pieces).ToArray());

    private static Gen<TemplatePiece> Leaf(Gen<string> text) => text.Select(value => new TemplatePiece(value));

    private static Gen<string> Tag(Gen<string> content) =>
        Join(Pick("{% ", "{%- ", "  {% ", "{%+ "), content, Pick(" %}", " -%}", " %}\n", " +%}\n"));

    private static Gen<string> Pick(params string[] choices) => Gen.Elements(choices);

    /// <summary>Texts and generators of texts, one behind the other.</summary>
    private static Gen<string> Join(params object[] parts) =>
        Gen.CollectToArray(parts.Select(part => part as Gen<string> ?? Gen.Constant((string)part))).Select(string.Concat);

    private static Gen<T[]> ListBetween<T>(this Gen<T> item, int least, int most) => Gen.Choose(least, most).SelectMany(count => item.ArrayOf(count));
}
