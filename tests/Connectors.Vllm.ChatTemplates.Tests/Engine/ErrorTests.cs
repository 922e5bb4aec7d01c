namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

public sealed class ErrorTests
{
    [Theory]
    [InlineData("a\n  {% if %}", 2, 9)]
    [InlineData("{{ 1 + }}", 1, 8)]
    [InlineData("x\ny\n{{ 'abc }}", 3, 4)]
    [InlineData("{% for i in x %}\n", 1, 4)]
    [InlineData("{{ 1|nosuch }}", 1, 6)]
    [InlineData("{{ @ }}", 1, 4)]
    [InlineData("a {# b", 1, 3)]
    [InlineData("{% nosuch %}", 1, 4)]
    public void Parse_SyntaxError_SaysWhere(string template, int line, int column)
    {
        var exception = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(template, new ChatTemplateOptions { Name = "mine" }));
        Assert.Equal((line, column), (exception.Line, exception.Column));
        Assert.Equal("mine", exception.TemplateName);
        Assert.Equal(template.Split('\n')[line - 1], exception.SourceLine);
        Assert.Contains($"'mine', line {line}, column {column}", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ok\n{{ 1 + 'a' }}", 2, 6)]
    [InlineData("{% for i in [1] %}\n  {{ none.a.b }}\n{% endfor %}", 2, 12)]
    [InlineData("{{ nope() }}", 1, 8)]
    [InlineData("\r\n\r\n{{ 5|dictsort }}", 3, 6)]
    public void Render_RuntimeError_SaysWhere(string template, int line, int column)
    {
        var exception = Templates.Fails(template);
        Assert.Equal((line, column), (exception.Line, exception.Column));
        Assert.NotNull(exception.SourceLine);
    }

    [Fact]
    public void Render_RaiseException_CarriesTheTemplatesMessage()
    {
        var exception = Templates.Fails("{{ raise_exception('Roles must alternate') }}");
        Assert.Equal("Roles must alternate", exception.Reason);
        Assert.Equal(1, exception.Line);
    }

    [Fact]
    public void Render_LongLine_ShowsThePartAroundTheError()
    {
        var exception = Templates.Fails(new string('x', 5000) + "{{ 1 + 'a' }}" + new string('y', 5000));
        Assert.Equal(5006, exception.Column);
        Assert.InRange(exception.SourceLine!.Length, 10, 200);
        Assert.Contains("{{ 1 + 'a' }}", exception.SourceLine, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_UnsupportedInput_SaysWhichType() =>
        Assert.Contains(
            "TimeSpan", Assert.Throws<ChatTemplateException>(() => Templates.Render("{{ x }}", kwargs: new() { ["x"] = TimeSpan.Zero })).Message,
            StringComparison.Ordinal);
}
