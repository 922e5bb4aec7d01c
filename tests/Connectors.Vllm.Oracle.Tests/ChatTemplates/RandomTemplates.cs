using System.Text;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Random templates from a grammar: mostly valid, now and then wrong, over values of every type.</summary>
internal sealed class RandomTemplates(int seed)
{
    private static readonly string[] Names = ["messages", "tools", "x", "y", "ns", "bos_token", "i", "j", "m", "undefined_name", "add_generation_prompt"];

    private static readonly string[] Constants =
    [
        "0", "1", "2", "-1", "3", "1.5", "2.0", "''", "'a'", "'Ab c'", "' x\\n '", "'é🎉'", "'<&>'", "none", "true", "false", "[]", "{}", "()", "[1, 2, 3]", "['b', 'a', 'C']", "{'a': 1, 'b': 'z'}", "(1, 'x')", "range(4)", "10**20", "1e20", "'1'", "[[1, 2], [3]]", "[{'a': 2}, {'a': 1, 'b': 3}]", "namespace(a=1)",
    ];

    private static readonly string[] Filters =
    [
        "upper", "lower", "trim", "length", "list", "first", "last", "string", "int", "float", "join", "join(',')", "sort", "unique|list", "reverse|list", "tojson", "tojson(indent=1)", "default('d')", "default('d', true)", "title", "capitalize", "replace('a', 'b')", "abs", "round", "sum", "min", "max", "items|list", "dictsort", "map('string')|list", "map(attribute='a')|list", "select|list", "reject('none')|list", "selectattr('a', 'defined')|list", "batch(2)|list", "indent", "wordcount", "escape", "safe", "e", "count", "slice(2)|list", "urlencode", "truncate(3)", "center(7)", "striptags", "groupby('a')|list", "d", "trim('a ')",
    ];

    private static readonly string[] TestNames =
    [
        "defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "odd", "even", "integer", "float", "boolean", "true", "false", "lower", "upper", "callable", "divisibleby(2)", "in [1, 'a']", "eq 1", "sameas none", "not none", "not defined",
    ];

    private static readonly string[] Methods =
    [
        "upper()", "strip()", "split()", "split(',')", "startswith('a')", "replace('a', 'x')", "items()|list", "keys()|list", "get('a')", "get('q', 5)", "a", "b", "role", "content", "count('a')", "find('a')", "title()", "join(['p', 'q'])", "format(1)", "isdigit()", "lstrip('a')", "append(1)", "index(1)", "x.y", "splitlines()", "endswith('c')", "rsplit(' ', 1)", "zfill(4)",
    ];

    private static readonly string[] Operators = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"];

    private readonly Random _random = new(seed);

    public string Next()
    {
        var text = new StringBuilder("{% set x = " + Pick(Constants) + " %}{% set ns = namespace(a=0) %}");
        for (var i = _random.Next(1, 4); i > 0; i--)
        {
            Statement(text, 3);
        }

        return text.ToString();
    }

    private void Body(StringBuilder text, int depth)
    {
        for (var i = _random.Next(1, 3); i > 0; i--)
        {
            Statement(text, depth - 1);
        }
    }

    private void Statement(StringBuilder text, int depth)
    {
        switch (depth <= 0 ? _random.Next(3) : _random.Next(14))
        {
            case 0:
                text.Append(Pick(["a", " b ", "\n", "\n  ", "c\n\n", "{# c #}", "{#- c -#}\n", "é🎉"]));
                break;
            case 1 or 2 or 3 or 4:
                text.Append(Pick(["{{ ", "{{- "])).Append(Expression(depth)).Append(Pick([" }}", " -}}"]));
                break;
            case 5 or 6:
                Tag(text, "if " + Expression(depth));
                Body(text, depth);
                if (_random.Next(2) == 0)
                {
                    Tag(text, Pick(["else", "elif " + Expression(1)]));
                    Body(text, depth);
                }

                Tag(text, "endif");
                break;
            case 7 or 8:
                Tag(text, $"for {Pick(["i", "j", "m", "i, j"])} in {Expression(depth)}{(_random.Next(4) == 0 ? " if " + Expression(1) : "")}");
                Body(text, depth);
                text.Append(Pick(["", "{{ loop.index }}", "{{ loop.last }}{{ loop.length }}", "{% if loop.index > 1 %}{% break %}{% endif %}", "{% if loop.first %}{% continue %}{% endif %}z", "{{ loop.previtem }}{{ loop.nextitem }}"]));
                if (_random.Next(4) == 0)
                {
                    Tag(text, "else");
                    Body(text, depth);
                }

                Tag(text, "endfor");
                break;
            case 9 or 10:
                Tag(text, $"set {Pick(["x", "y", "ns.a", "ns.b", "i", "messages", "x, y"])} = {Expression(depth)}");
                break;
            case 11:
                Tag(text, "set " + Pick(["x", "y", "x | upper", "y | trim"]));
                Body(text, depth);
                Tag(text, "endset");
                break;
            case 12:
                Tag(text, $"macro f{depth}(i, j={Expression(1)})");
                Body(text, depth);
                Tag(text, "endmacro");
                text.Append("{{ f").Append(depth).Append(Pick(["(1)", "(x, y)", "(j=2, i=x)", "()", "(1, 2)|upper", "(1, 2, 3)"])).Append(" }}");
                break;
            default:
                var open = Pick(["filter upper", "filter trim", "with i = " + Expression(1), "generation", "filter replace('a', 'b')"]);
                Tag(text, open);
                Body(text, depth);
                Tag(text, "end" + open.Split(' ')[0]);
                break;
        }
    }

    private string Expression(int depth)
    {
        if (depth <= 0)
        {
            return _random.Next(2) == 0 ? Pick(Names) : Pick(Constants);
        }

        return _random.Next(11) switch
        {
            0 => Pick(Constants),
            1 => Pick(Names),
            2 or 3 => $"{Operand(depth)}|{Pick(Filters)}",
            4 => $"{Operand(depth)} is {Pick(TestNames)}",
            5 => $"{Operand(depth)} {Pick(Operators)} {Operand(depth)}",
            6 => $"{Operand(depth)}.{Pick(Methods)}",
            7 => $"{Operand(depth)}[{Pick(["0", "-1", "1:", ":2", "::-1", "'a'", "'role'", "x", "5", "1:-1"])}]",
            8 => $"{Operand(depth)} if {Operand(1)}{(_random.Next(3) == 0 ? "" : " else " + Operand(depth))}",
            9 => $"not {Operand(depth)}",
            _ => Pick([$"[{Operand(1)}, {Operand(1)}]", $"{{'a': {Operand(1)}, 'k': {Operand(1)}}}", $"({Operand(1)}, {Operand(1)})", $"'%s-%s' % ({Operand(1)}, {Operand(1)})", $"-{Operand(1)}", $"dict(a={Operand(1)})", $"range({Pick(["0", "2", "x"])})|list"]),
        };
    }

    private string Operand(int depth) => _random.Next(3) == 0 ? $"({Expression(depth - 1)})" : Expression(0);

    private void Tag(StringBuilder text, string content) =>
        text.Append(Pick(["{% ", "{%- ", "  {% ", "{%+ "])).Append(content).Append(Pick([" %}", " -%}", " %}\n", " +%}\n"]));

    private string Pick(string[] choices) => choices[_random.Next(choices.Length)];
}
