using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

public sealed class InputTests
{
    private const string Json = """{"b":1,"a":[1.50,-0,1e3,12345678901234567890123,1E-7,true,null,"é\n"],"n":{"x":{}},"b2":"z"}""";
    private const string Expected =
        """{"b": 1, "a": [1.5, 0, 1000.0, 12345678901234567890123, 1e-07, true, null, "é\n"], "n": {"x": {}}, "b2": "z"}""";

    [Fact]
    public void Render_JsonElement_KeepsOrderAndNumbers() =>
        Assert.Equal(Expected, Templates.Render("{{ x|tojson }}", kwargs: new() { ["x"] = JsonDocument.Parse(Json).RootElement }).Text);

    [Fact]
    public void Render_JsonNode_KeepsOrderAndNumbers() =>
        Assert.Equal(Expected, Templates.Render("{{ x|tojson }}", kwargs: new() { ["x"] = JsonNode.Parse(Json) }).Text);

    [Fact]
    public void Render_RepeatedKey_KeepsTheLastValue()
    {
        const string Repeated = """{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}""";
        var expected = """{"a": 3, "b": {"c": 2}}""";
        Assert.Equal(expected, Templates.Render("{{ x|tojson }}", kwargs: new() { ["x"] = JsonNode.Parse(Repeated) }).Text);
        Assert.Equal(expected, Templates.Render("{{ x|tojson }}", kwargs: new() { ["x"] = JsonDocument.Parse(Repeated).RootElement }).Text);
    }

    [Fact]
    public void Render_JsonNodeMadeInCode_ReadsItsValues() =>
        Assert.Equal(
            """{"a": [1, 2.5, "t", true, null]}""",
            Templates.Render("{{ x|tojson }}", kwargs: new() { ["x"] = new JsonObject { ["a"] = new JsonArray(1, 2.5, "t", true, null) } }).Text);

    [Fact]
    public void Render_Collections_ReadLikeJson()
    {
        var value = new Dictionary<string, object?>
        {
            ["s"] = "t",
            ["l"] = new List<object?> { 1, 2L, 3.5, 1.5f, 1.50m, (byte)7, ulong.MaxValue, BigInteger.Pow(10, 20), false, null },
            ["d"] = new Dictionary<string, object?> { ["k"] = new[] { "a", "b" } },
            ["o"] = new Dictionary<string, string> { ["p"] = "q" },
        };
        Assert.Equal(
            """{"s": "t", "l": [1, 2, 3.5, 1.5, 1.5, 7, 18446744073709551615, 100000000000000000000, false, null], "d": {"k": """
                + """["a", "b"]}, "o": {"p": "q"}}""",
            Templates.Render("{{ x|tojson }}", kwargs: new() { ["x"] = value }).Text);
    }

    [Fact]
    public void Render_Precedence_KwargsOverSpecialTokens()
    {
        var prompt = ChatTemplate.Parse("{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ tools is none }}").Render(new ChatTemplateInput
        {
            SpecialTokens = new Dictionary<string, object?> { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["pad_token"] = null },
            Kwargs = new Dictionary<string, object?> { ["bos_token"] = "<mine>", ["tools"] = "ignored" },
        });
        Assert.Equal("<mine></s>FalseTrue", prompt.Text);
    }

    [Fact]
    public async Task Render_FromManyThreads_GivesTheSame()
    {
        var template =
            ChatTemplate.Parse(
                "{% macro m(x) %}[{{ x }}]{% endmacro %}{% set ns = namespace(n=0) %}{% for m1 in messages %}{% set ns.n = ns.n + 1 %}{{ "
                    + "m(m1.content) }}{{ ns.n }}{% endfor %}");
        var input = new ChatTemplateInput { Messages = JsonNode.Parse("""[{"role":"user","content":"a"},{"role":"user","content":"b"}]""") };
        var texts = await Task.WhenAll(
            Enumerable.Range(0, 200).Select(_ => Task.Run(() => template.Render(input).Text, TestContext.Current.CancellationToken)));
        Assert.All(texts, text => Assert.Equal("[a]1[b]2", text));
    }

    [Fact]
    public void Render_ContinueFinalMessage_EndsInTheMessage()
    {
        var template = ChatTemplate.Parse(
            "{% for m in messages %}<{{ m.role }}>{{ m.content|trim }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
        var messages = JsonNode.Parse("""[{"role":"user","content":"u"},{"role":"assistant","content":"Once "}]""");
        var prompt = template.Render(new ChatTemplateInput { Messages = messages, ContinueFinalMessage = true });
        Assert.Equal("<user>⟦u⟧</><assistant>⟦Once⟧", prompt.Marked());
        Assert.Throws<ChatTemplateException>(
            () => template.Render(new ChatTemplateInput { Messages = messages, ContinueFinalMessage = true, AddGenerationPrompt = true }));
        Assert.Throws<ChatTemplateException>(
            () => template.Render(new ChatTemplateInput { Messages = messages, ContinueFinalMessage = "reasoning" }));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1000)]
    public void Render_LongConversation_AllocatesLinearly(int count)
    {
        var template = ChatTemplate.Parse("{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>{% endfor %}");
        var input = new ChatTemplateInput
        {
            Messages = new JsonArray(
                [.. Enumerable.Range(0, count).Select(_ => new JsonObject { ["role"] = "user", ["content"] = "some text" })])
        };
        Assert.Equal(count, template.Render(input).Content.Count);
        var before = GC.GetAllocatedBytesForCurrentThread();
        template.Render(input);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4096 + (count * 1024L));
    }

    [Fact]
    public void Render_TemplateThatLooksBackAtEveryMessage_IsNotTakenForARunaway()
    {
        var messages = new JsonArray([.. Enumerable.Range(0, 1500).Select(_ => new JsonObject { ["role"] = "user", ["content"] = "x" })]);
        var template =
            ChatTemplate.Parse(
                "{% for m in messages %}{% for n in messages %}{% if n.role == 'tool' and n.content == m.content %}{{ n.content }}{% endif %}{% "
                    + "endfor %}{% endfor %}.");
        Assert.Equal(".", template.Render(new ChatTemplateInput { Messages = messages }).Text);
    }
}
