namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

public sealed class ContentFormatTests
{
    [Theory]
    [InlineData("{% for m in messages %}{% for c in m.content %}{% endfor %}{% endfor %}")]
    [InlineData("{% for m in messages %}{% for c in m['content'] %}{% endfor %}{% endfor %}")]
    [InlineData("{% set l = messages[1:] %}{% for m in l %}{% for c in m.content|list %}{% endfor %}{% endfor %}")]
    [InlineData("{% set a = messages %}{% set b = a|list %}{% for m in b %}{% for c in m['content'][1:] %}{% endfor %}{% endfor %}")]
    [InlineData("{% for m in messages %}{% set content = m.content %}{% for c in content %}{% endfor %}{% endfor %}")]
    [InlineData("{% for c in content %}{% endfor %}")]
    [InlineData("{% macro r(parts) %}{% for c in parts %}{% endfor %}{% endmacro %}{% for m in messages %}{{ r(m.content) }}{% endfor %}")]
    [InlineData(
        "{% macro r(x, parts) %}{% for c in parts %}{% endfor %}{% endmacro %}{% for m in messages %}{{ r(1, parts=m['content']) }}{% endfor %}")]
    public void ContentFormat_LoopOverContent_IsOpenAI(string template) =>
        Assert.Equal(ChatContentFormat.OpenAI, ChatTemplate.Parse(template).ContentFormat);

    [Theory]
    [InlineData("{% for m in messages %}{{ m.content }}{% endfor %}")]
    [InlineData("{% for m in messages %}{% set parts = m.content %}{% for c in parts %}{% endfor %}{% endfor %}")]
    [InlineData("{% for m in messages %}{{ m.content[0] }}{{ m.content is string }}{{ m.content|map(attribute='text')|join }}{% endfor %}")]
    [InlineData("{% for m in messages %}{% for c in m.content or [] %}{% endfor %}{% endfor %}")]
    [InlineData("{% for m in messages %}{% for c in m.get('content') %}{% endfor %}{% endfor %}")]
    [InlineData("{% for m in messages + [] %}{% for c in m.content %}{% endfor %}{% endfor %}")]
    [InlineData("{% for a, b in messages %}{% endfor %}{% for m in messages %}{% for c in m.content %}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns.x = messages %}{% for m in messages %}{% for c in m.content %}{% endfor %}{% endfor %}")]
    [InlineData("{% for m in messages %}{% for a, b in m.content %}{% endfor %}{% endfor %}")]
    [InlineData("{% macro r(content) %}{% for c in content %}{% endfor %}{% endmacro %}")]
    [InlineData("")]
    public void ContentFormat_NoSuchLoop_IsString(string template) =>
        Assert.Equal(ChatContentFormat.String, ChatTemplate.Parse(template).ContentFormat);
}
