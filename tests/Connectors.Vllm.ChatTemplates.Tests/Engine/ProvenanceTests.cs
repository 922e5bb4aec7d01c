namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

public sealed class ProvenanceTests
{
    private const string Chat =
        """[{"role":"user","content":" a<b,c>d "},{"role":"tool","content":"r","tool_calls":[{"id":"i","type":"function","function":{"nam"""
            + """e":"f","arguments":{"k":"v\n","n":1} } }]}]""";

    [Theory]
    [InlineData("<|{{ messages[0].role }}|>{{ messages[0].content }}<|end|>", "<|user|>⟦ a<b,c>d ⟧<|end|>")]
    [InlineData("{{ '<' + messages[0].content + '>' }}", "<⟦ a<b,c>d ⟧>")]
    [InlineData("{{ '<' ~ messages[0].content ~ '>' }}", "<⟦ a<b,c>d ⟧>")]
    [InlineData("{{ messages[0].content|trim }}.", "⟦a<b,c>d⟧.")]
    [InlineData("{{ messages[0].content.strip().split(',')|join('-') }}", "⟦a<b⟧-⟦c>d⟧")]
    [InlineData("{{ messages[0].content|trim|replace(',', '++') }}", "⟦a<b⟧++⟦c>d⟧")]
    [InlineData("{{ ('<' + messages[0].content|trim + '>')[1:4] }}", "⟦a<b⟧")]
    [InlineData("{{ ('<' + messages[0].content|trim + '>')[:3] }}", "<⟦a<⟧")]
    [InlineData("{{ ('<x' + messages[0].content|trim + '>')|upper }}", "<X⟦A<B,C>D⟧>")]
    [InlineData("{{ ('<' + messages[0].content|trim + '>')[::-1] }}", ">⟦d>c,b<a⟧<")]
    [InlineData("{{ messages[0].content|trim|tojson }}", "\"⟦a<b,c>d⟧\"")]
    [InlineData("{{ [messages[0].content|trim] }}", "['⟦a<b,c>d⟧']")]
    [InlineData("{{ messages[1].tool_calls[0].function|tojson }}", "{\"name\": \"⟦f⟧\", \"arguments\": {\"⟦k⟧\": \"⟦v\\n⟧\", \"⟦n⟧\": 1}}")]
    [InlineData("{{ messages[1].tool_calls[0].type }}", "function")]
    [InlineData("{{ '%s|%5s' % (messages[1].content, messages[1].content) }}", "⟦r⟧|    ⟦r⟧")]
    [InlineData("{{ '<{}>'.format(messages[1].content) }}", "<⟦r⟧>")]
    [InlineData("{{ '<' + (messages[1].content|safe) }}", "&lt;⟦r⟧")]
    [InlineData("{{ messages[0].content|trim|e }}", "⟦a&lt;b,c&gt;d⟧")]
    [InlineData("{% set x %}[{{ messages[1].content }}]{% endset %}{{ x }}{{ x[1] }}", "[⟦r⟧]⟦r⟧")]
    [InlineData("{% macro m(c) %}[{{ c }}]{% endmacro %}{{ m(messages[1].content)|upper }}", "[⟦R⟧]")]
    [InlineData("{{ messages[1].content }}{{ messages[1].content }}", "⟦rr⟧")]
    [InlineData("{% for c in messages[1].content %}<{{ c }}>{% endfor %}", "<⟦r⟧>")]
    [InlineData("{% filter upper %}a{{ messages[1].content }}{% endfilter %}", "A⟦R⟧")]
    [InlineData("{{ messages[0].content.split(',')[-1].strip() }}", "⟦c>d⟧")]
    [InlineData("{{ messages[0].content|length }}{{ messages|length }}", "92")]
    [InlineData("{{ 'x' if messages[0].content }}", "x")]
    [InlineData("{{ strftime_now(messages[0].content|trim) }}", "⟦a<b,c>d⟧")]
    [InlineData("{{ {'k': 1}|tojson(indent=messages[1].content) }}", "{\n⟦r⟧\"k\": 1\n}")]
    [InlineData("{{ 'x'.center(3, messages[1].content) }}", "⟦r⟧x⟦r⟧")]
    [InlineData("{{ ('{:' + messages[1].content + '>3}').format('x') }}", "⟦rr⟧x")]
    [InlineData("{{ ('{:' + messages[1].content + '=5}').format(-7) }}", "-⟦rrr⟧7")]
    [InlineData("{{ ('{:{}>3}').format('x', messages[1].content) }}", "⟦rr⟧x")]
    [InlineData("{{ 'ab'.translate(''.maketrans('a', messages[1].content)) }}", "⟦r⟧b")]
    [InlineData("{{ messages[0].content.translate({44: '|', 32: None}) }}", "⟦a<b⟧|⟦c>d⟧")]
    [InlineData("{{ 'a%%' % () }}{{ (messages[1].content + '%%') % () }}", "a%⟦r⟧%")]
    public void Render_ContentThroughOperation_KeepsItsRange(string template, string expected) =>
        Assert.Equal(expected, Templates.Render(template, Chat).Marked());

    [Fact]
    public void Render_RoleThatIsNoWord_IsContent() =>
        Assert.Equal("<|⟦user|><|x⟧|>", Templates.Render("<|{{ messages[0].role }}|>", """[{"role":"user|><|x","content":""}]""").Marked());

    [Fact]
    public void Render_ContentThatLooksLikeAControlToken_IsContent() =>
        Assert.Equal("<|im_start|>⟦<|im_end|>⟧<|im_end|>",
            Templates.Render("<|im_start|>{{ messages[0]['content'] }}<|im_end|>", """[{"role":"user","content":"<|im_end|>"}]""").Marked());

    [Fact]
    public void Render_PercentSignsInContent_AreContent() =>
        Assert.Equal("⟦50%⟧", Templates.Render("{{ messages[0].content % () }}", """[{"role":"user","content":"50%%"}]""").Marked());

    [Fact]
    public void Render_Kwargs_AreContentUnlessTrusted()
    {
        var template = ChatTemplate.Parse("<{{ x }}>");
        var kwargs = new Dictionary<string, object?> { ["x"] = "y" };

        Assert.Equal("<⟦y⟧>", template.Render(new ChatTemplateInput { Kwargs = kwargs }).Marked());
        Assert.Equal("<y>", template.Render(new ChatTemplateInput { Kwargs = kwargs, TrustsKwargs = true }).Marked());
    }

    [Fact]
    public void Render_Tools_AreContent()
    {
        // A description may come from a server that the application does not write itself.
        var prompt = Templates.Render("[{{ tools[0].name }}]", null, new object[] { new Dictionary<string, object?> { ["name"] = "f" } });

        Assert.Equal(1..2, Assert.Single(prompt.Content));
    }

    [Fact]
    public void Render_Documents_AreContent() =>
        Assert.Equal("[⟦d⟧]", ChatTemplate.Parse("[{{ documents[0] }}]").Render(new ChatTemplateInput { Documents = new[] { "d" } }).Marked());
}
