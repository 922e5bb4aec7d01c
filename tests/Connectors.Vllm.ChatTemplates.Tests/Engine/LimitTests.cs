using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

/// <summary>Templates that never end, or want too much, end with the documented error, and soon.</summary>
public sealed class LimitTests
{
    [Theory]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")]
    [InlineData("{% macro f(x) %}{% if true %}{% for i in [1] %}{{ f(i)|upper }}{% endfor %}{% endif %}{% endmacro %}{{ f(1) }}")]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{{ 1 }}{% endfor %}{% endfor %}")]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")]
    [InlineData("{% for a in range(99999) %}{% if range(99999)|list|sort|length %}{% endif %}{% endfor %}")]
    [InlineData("{{ 'x' * 10**9 }}")]
    [InlineData("{{ [1] * 10**9 }}")]
    [InlineData("{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x == [ns.x] }}{{ ns.x|tojson }}")]
    [InlineData("{{ range(10**9) }}")]
    [InlineData("{{ 9**(9**9) }}")]
    [InlineData("{% set ns = namespace(x=3) %}{% for i in range(99999) %}{% set ns.x = ns.x * ns.x %}{% endfor %}")]
    [InlineData("{{ '%999999999d' % 1 }}")]
    [InlineData("{{ '{:>999999999}'.format(1) }}")]
    [InlineData("{{ '%.99999999f' % 1 }}")]
    [InlineData("{{ '%.99999999d' % 1 }}")]
    [InlineData("{{ '{:.99999999f}'.format(1) }}")]
    [InlineData("{{ 'a'.ljust(10**9) }}")]
    [InlineData("{{ 'a'|center(10**9) }}")]
    [InlineData("{% set x = 'a,' * 1000000 %}{% for i in range(99999) %}{% set y = x.split(',') %}{% endfor %}")]
    [InlineData("{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{% set y = x|upper %}{% endfor %}")]
    [InlineData("{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{% if 'b' in x %}{% endif %}{% endfor %}")]
    [InlineData("{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{{ x == x ~ 'b' }}{% endfor %}")]
    [InlineData("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}")]
    [InlineData("{% for i in range(99999) %}{{ 'x' * 100000 }}{% endfor %}")]
    [InlineData("{{ ('a' * 100000)|replace('a', 'b' * 10000) }}")]
    [InlineData("{{ ('a\n' * 100000)|indent(100000) }}")]
    [InlineData("{{ [1, [2]]|tojson(indent=10**9) }}")]
    [InlineData("{{ [1, 2, 3]|batch(10**9, 0)|list }}")]
    [InlineData("{{ [1, 2, 3]|slice(10**9)|list }}")]
    public void Render_RunawayTemplate_EndsWithTemplateException(string template)
    {
        var exception = Templates.Fails(template);
        Assert.True(exception.Line > 0, exception.Message);
    }

    [Theory]
    [InlineData("(", 100_000)]
    [InlineData("[", 100_000)]
    [InlineData("{1:", 100_000)]
    [InlineData("-", 100_000)]
    [InlineData("not ", 100_000)]
    [InlineData("a.", 100_000)]
    [InlineData("a[", 100_000)]
    [InlineData("a(", 100_000)]
    [InlineData("a if ", 100_000)]
    [InlineData("1**", 100_000)]
    public void Parse_DeepExpression_Throws(string opening, int times) =>
        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("{{ " + string.Concat(Enumerable.Repeat(opening, times)) + "1 }}"));

    [Theory]
    [InlineData("|upper")]
    [InlineData(".a")]
    [InlineData("[0]")]
    [InlineData("()")]
    [InlineData(" - 1")]
    [InlineData(" * 1")]
    [InlineData(" and 1")]
    [InlineData(" if 1")]
    public void Parse_LongChain_Throws(string link) =>
        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("{{ x" + string.Concat(Enumerable.Repeat(link, 50_000)) + " }}"));

    [Fact]
    public void Render_LongSum_Works() =>
        Assert.Equal(20_001, Templates.Text("{{ 'a'" + string.Concat(Enumerable.Repeat(" + 'a'", 20_000)) + " }}").Length);

    [Theory]
    [InlineData("{% if a %}", 10_000)]
    [InlineData("{% for a in b %}", 10_000)]
    [InlineData("{% macro a() %}", 10_000)]
    public void Parse_DeepStatements_Throws(string opening, int times) =>
        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(string.Concat(Enumerable.Repeat(opening, times))));

    [Fact]
    public void Parse_LongSource_Throws() =>
        Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(new string('a', 101), new ChatTemplateOptions { MaxSourceLength = 100 }));

    [Fact]
    public void Render_OutputBeyondLimit_Throws() =>
        Assert.Contains(
            "limit", Templates.Fails(
                "{% for i in range(9999) %}aaaaaaaaaa{% endfor %}", options: new ChatTemplateOptions { MaxOutputLength = 10_000 }).Message);

    [Fact]
    public void Parse_RandomText_GivesTemplateOrTemplateException()
    {
        var pieces =
            Gen.Elements(
                "{%", "%}", "{{", "}}", "{#", "#}", "-", "+", " ", "\n", "if", "for", "in", "endif", "endfor", "set", "macro", "endmacro", "x", "'",
                "\"", "\\", "|", ".", "(", ")", "[", "]", "{", "}", "1", "2.5e3", "0x", "is", "not", "and", "~", "*", "**", "%", "é", "\ud83c", "\0",
                "raw", "endraw", "upper", "loop", ",", ":", "=", "==", "generation", "call", "filter", "else", "range", "messages");
        var texts = pieces.ListOf().Select(list => string.Concat(list));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(3000).WithEndSize(60),
            Prop.ForAll(Arb.From(texts), text =>
            {
                try
                {
                    Templates.Render(text, """[{"role":"user","content":"x"}]""");
                }
                catch (ChatTemplateException)
                {
                    // The one error there is.
                }
            }));
    }

    [Fact]
    public void Parse_RandomUnicode_GivesTemplateOrTemplateException() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(500),
            Prop.ForAll<string?>(text =>
            {
                try
                {
                    Templates.Render("{{ " + text + " }}" + text);
                }
                catch (ChatTemplateException)
                {
                    // The one error there is.
                }
            }));
}
