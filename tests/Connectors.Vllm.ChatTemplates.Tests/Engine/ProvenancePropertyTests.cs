using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

/// <summary>
/// Whatever a template does with content, every character of it that reaches the prompt lies in the content ranges, and no letter of the
/// template's own does (striptags aside, which marks all of what it leaves). Content is written in private-use characters, which no operation makes;
/// the template's own text in CJK letters.
/// </summary>
public sealed class ProvenancePropertyTests
{
    private const char FirstContent = '\ue100';
    private const char LastContent = '\ue1ff';
    private const string Own = "模板";

    private static readonly string[] Sources =
        ["m.content", "m.parts[0].text", "m.args.k", "m.args", "m.parts", "m", "messages", "m.content[1]", "m['content']", "m.get('content')"];

    private static readonly string[] Steps =
    [
        "|trim", "|upper", "|lower", "|capitalize", "|title", "|string", "|list", "|join('板')", "|first", "|last", "|reverse|list",
        "|replace('\ue101', '板')", "|replace('x', m.content)",
        "|tojson", "|tojson(indent=2)", "|tojson(ensure_ascii=false, separators=('模', '板'))", "|pprint", "|e", "|safe", "|indent(2)", "|wordwrap(3)",
        "|truncate(5)", "|center(20)", "|string|format", "|default('板')",
        "|items|list", "|dictsort", "|map('string')|list", "|map('upper')|join('模')", "|unique|list", "|batch(2)|list", "|slice(2)|list", "|sort",
        "|select|list", "|xmlattr", "|max", "|min", "|groupby('k')|list",
        "[1:]", "[:-1]", "[::-1]", "[::2]", "[0]", "[-1]", ".k", ".items()|list", ".keys()|list", ".values()|list", "|string|trim('\ue101 ')",
    ];

    private static readonly string[] Methods =
    [
        ".upper()", ".strip()", ".split()", ".split(' ')", ".splitlines()", ".replace(' ', '板')", ".partition(' ')", ".title()", ".swapcase()",
        ".center(30, '板')", ".zfill(9)", ".expandtabs()", ".ljust(9)", ".casefold()", ".translate({32: '板'})",
        ".format('板')", ".join(['板', '模'])", ".removeprefix('\ue101')", ".rsplit(' ', 1)", ".capitalize()",
    ];

    private static readonly string[] Shapes =
    [
        "{{ X }}", "{{ '模' + (X|string) + '板' }}", "{{ '模' ~ X ~ '板' }}", "{{ '模%s板' % (X|string) }}", "{{ '模{}板'.format(X) }}",
        "{% for c in X %}模{{ c }}板{% endfor %}", "{% set v %}模{{ X }}板{% endset %}{{ v }}{{ v[1:] }}",
        "{% macro f(a) %}模{{ a }}板{% endmacro %}{{ f(X) }}{{ f(X)|upper }}", "{% filter upper %}模{{ X }}{% endfilter %}", "{{ ['模', X, '板'] }}",
        "{{ {'模': X} }}", "{{ {'模': X}|tojson }}", "{{ ['模', X|string, '板']|join('板') }}", "{{ '板'.join(['模', X|string]) }}",
        "{% set ns = namespace(t='模') %}{% for m in messages %}{% set ns.t = ns.t + (X|string) %}{% endfor %}{{ ns.t }}{{ ns.t.split('模') }}",
        "{{ '%-40s板' % (X|string) }}", "{{ (X|string) * 2 }}", "{{ '{:>30}'.format(X|string) }}", "{{ ('模'|safe) + (X|string) }}",
        "{{ ('模' + (X|string) + '板')[1:-1] }}", "{{ '模 板'.replace(' ', X|string) }}", "{{ ((X|string) ~ '模 板').split() }}",
        "{% call(a) g() %}{{ a }}板{% endcall %}",
    ];

    [Fact]
    public void Render_AnyOperationsOnContent_MarkContentAndNothingElse()
    {
        var expression = from source in Gen.Elements(Sources)
                         from steps in Gen.OneOf(Gen.Elements(Steps), Gen.Elements(Methods)).ListOf()
                         select source + string.Concat(steps.Take(3));
        var template = from shape in Gen.Elements(Shapes)
                       from x in expression
                       select "{% macro g() %}{{ caller('模') }}{% endmacro %}{% for m in messages %}"
                           + shape.Replace("X", $"({x})", StringComparison.Ordinal) + "{% endfor %}";
        var seen = 0;
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(4000).WithQuietOnSuccess(true),
            Prop.ForAll(Arb.From(template), source =>
            {
                RenderedPrompt prompt;
                try
                {
                    prompt = Templates.Render(source, Messages);
                }
                catch (ChatTemplateException)
                {
                    return;
                }

                seen += prompt.Content.Count > 0 ? 1 : 0;
                AssertMarks(source, prompt);
            }));
        Assert.True(seen > 500, $"only {seen} prompts held content");
    }

    private static readonly string Messages = JsonSerializer.Serialize(new object[]
    {
        new { role = "user", content = "  \ue101\ue102 \ue103<\n\ue104'\"\ue105\\ ", parts = new[] { new { type = "text", text = "\ue106 \ue107" } },
            args = new { k = "\ue108\t\ue109", n = 1 } },
        new { role = "tool", content = "\ue110", parts = new[] { new { type = "text", text = "" } }, args = new { k = "\ue111&\ue112" } },
    });

    private static void AssertMarks(string source, RenderedPrompt prompt)
    {
        var marked = new bool[prompt.Text.Length];
        var end = -1;
        foreach (var range in prompt.Content)
        {
            Assert.True(
                range.Start.Value > end && range.End.Value > range.Start.Value && range.End.Value <= prompt.Text.Length, $"ranges of {source}");
            end = range.End.Value;
            marked.AsSpan(range).Fill(true);
        }

        for (var i = 0; i < prompt.Text.Length; i++)
        {
            if (prompt.Text[i] is >= FirstContent and <= LastContent)
            {
                Assert.True(marked[i], $"content at {i} is not marked: {source}\n{prompt.Text}");
            }
            else if (Own.Contains(prompt.Text[i]))
            {
                Assert.False(marked[i], $"the template's own text at {i} is marked: {source}\n{prompt.Text}");
            }
        }
    }
}
