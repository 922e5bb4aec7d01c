using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>Histories that no provider would write, but applications do: what they say is in the prompt, or an exception names it.</summary>
public sealed class StrangeHistoryTests
{
    private const string Parts =
        "{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
        + "{% if p.type == 'image' and IMAGES %}<|image_pad|>{% else %}{{ p.text }}{% endif %}{% endfor %}{% endif %}"
        + "{% for call in m.tool_calls or [] %}[{{ call.function.name }} {{ call.function.arguments|tojson }}]{% endfor %}{% endfor %}";

    /// <summary>A result under the name of the last call that has its id.</summary>
    private const string NamesById =
        "{% set names = {} %}{% set ns = namespace(name='') %}{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
        + "{{ c.function.arguments|tojson }};{% endfor %}{% if m.role == 'tool' %}{% for o in messages %}{% for c in o.tool_calls or [] %}"
        + "{% if c.id == m.tool_call_id %}{% set ns.name = c.function.name %}{% endif %}{% endfor %}{% endfor %}({{ ns.name }}: {{ m.content }})"
        + "{% else %}{{ m.content }}{% endif %}{% endfor %}";

    private static readonly byte[] Png = [137, 80, 78, 71];

    public static TheoryData<string> Roles => new("user", "tool", "system", "function");

    [Theory]
    [MemberData(nameof(Roles))]
    public async Task Preview_CallInAMessageOfSomebodyElse_IsTheAssistants(string role)
    {
        var prompt = await PreviewAsync(Parts,
            new(ChatRole.User, "Ask"),
            new(new ChatRole(role), [new TextContent("Before"), Call("c1", "getone", "Oslo")]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", "Resone")]));

        Assert.Contains("""<assistant>[getone {"city": "Oslo"}]<tool>Resone""", prompt, StringComparison.Ordinal);
        Assert.Contains("Before<assistant>", prompt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("call_1")]
    public async Task Preview_DifferentFunctionsUnderOneId_HaveTheirOwnResults(string id)
    {
        ChatMessage[] history =
        [
            new(ChatRole.User, "Ask"), new(ChatRole.Assistant, [Call(id, "getone", "Oslo"), Call(id, "gettwo", "Rome")]),
            new(ChatRole.Tool, [new FunctionResultContent(id, "Resone")]), new(ChatRole.Tool, [new FunctionResultContent(id, "Restwo")]),
        ];

        var first = await PreviewAsync(NamesById, history);
        var second = await PreviewAsync(NamesById,
            [.. history, new(ChatRole.Assistant, [Call(id, "getthree", "Bern")]), new(ChatRole.Tool, [new FunctionResultContent(id, "Resthree")])]);

        Assert.Contains("(getone: Resone)(gettwo: Restwo)", first, StringComparison.Ordinal);
        Assert.StartsWith(first, second, StringComparison.Ordinal);
        Assert.EndsWith("(getthree: Resthree)", second, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("👍🎉")]
    [InlineData("???")]
    public async Task Preview_TemplateDropsATextWithoutWords_IsRefused(string text)
    {
        var exception = await Assert.ThrowsAsync<VllmRequestException>(() => PreviewAsync(
            "{% for m in messages[-2:] %}{{ m.content }}{% endfor %}",
            new(ChatRole.User, text), new(ChatRole.Assistant, "Said"), new(ChatRole.User, "Ask")));

        Assert.Contains("the text of message 1 of 3", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("👍🎉")]
    [InlineData("{}")]
    [InlineData("\"'\\")]
    [InlineData("… !?")]
    public async Task Preview_TextWithoutWords_IsPrintedAlsoAsEscapedJson(string text) => Assert.NotEmpty(
        await PreviewAsync(
            "{% for m in messages %}{{ m.content|tojson(ensure_ascii=true) }}{% endfor %}", new(ChatRole.User, text), new(ChatRole.User, "Ask")));

    public static TheoryData<string, object, string> Results => new()
    {
        { "bytes", new byte[] { 1, 2, 3, 4 }, "AQIDBA==" },
        { "array of contents", new object[] { new TextContent("Parta"), new TextContent("Partb") }, "Parta\nPartb" },
        { "messages", new List<ChatMessage> { new(ChatRole.Assistant, "Parta"), new(ChatRole.Assistant, "Partb") }, "Parta\nPartb" },
        { "a result", new FunctionResultContent("inner", new List<AIContent> { new TextContent("Inner") }), "Inner" },
        { "not a number", double.NaN, "NaN" },
        { "not a number in an object", new { Ratio = double.NaN }, "\"NaN\"" },
        { "a failing property", new Failing(), "Error: The function returned a value that cannot be shown (Failing)." },
        { "a null among contents", new List<AIContent> { null!, new TextContent("Parta") }, "Parta" },
        { "text in an address", new UriContent(new Uri("data:text/plain;base64,RGF0YXRleHQ="), "text/plain"), "Datatext" },
    };

    [Theory]
    [MemberData(nameof(Results))]
    public async Task Preview_ResultOfAnyKind_IsPrinted(string kind, object result, string expected)
    {
        var prompt = await PreviewAsync(Parts,
            new(ChatRole.User, kind), new(ChatRole.Assistant, [Call("c1", "getone", "Oslo")]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", result)]));

        Assert.Contains(expected, prompt, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_ResultThatHoldsItself_ComesToAnEnd()
    {
        var contents = new List<AIContent> { new TextContent("Parta") };
        contents.Add(new FunctionResultContent("c1", contents));

        var prompt = await PreviewAsync(Parts,
            new(ChatRole.User, "Ask"), new(ChatRole.Assistant, [Call("c1", "getone", "Oslo")]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", contents)]));

        Assert.Contains("Parta", prompt, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_ContinuedMessageWithCalls_IsRefused()
    {
        var profile = await ProfileAsync(Parts);
        ChatMessage[] history = [new(ChatRole.User, "Ask"), new(ChatRole.Assistant, [new TextContent("Said"), Call("c1", "getone", "Oslo")])];

        var exception = Assert.Throws<VllmRequestException>(() =>
            VllmPromptPreview.Create(profile, history, new ChatOptions { ContinueFinalMessage = true }));

        Assert.Contains("it calls functions", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_ContentOfNoUse_NamesItsMessage()
    {
        var exception = await Assert.ThrowsAsync<NotSupportedException>(() => PreviewAsync(
            Parts, new(ChatRole.User, "Ask"), new(ChatRole.User, [new DataContent(Png, "application/pdf")])));

        Assert.Contains("The message at index 1", exception.Message, StringComparison.Ordinal);
        Assert.Contains("application/pdf", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_ReasoningThatIsOnlyEncrypted_IsNoReasoning() => Assert.Equal(
        "AskSaidAsk",
        await PreviewAsync(
            "{% for m in messages %}{% if m.reasoning is defined %}<think>{{ m.reasoning }}</think>{% endif %}{{ m.content }}{% endfor %}",
            new(ChatRole.User, "Ask"),
            new(ChatRole.Assistant, [new TextReasoningContent(null) { ProtectedData = "secret" }, new TextContent("Said")]),
            new(ChatRole.User, "Ask")));

    [Fact]
    public async Task Preview_DeveloperMessageForATemplateOfLists_IsAList() => Assert.StartsWith(
        "<system>Devone",
        await PreviewAsync("{% for m in messages %}<{{ m.role }}>{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}",
            new ChatMessage(new ChatRole("developer"), "Devone")));

    [Theory]
    [InlineData("image/png", "assistant")]
    [InlineData("audio/wav", "user")]
    public async Task Preview_TemplateOmitsMedia_NamesTheMessage(string mediaType, string role)
    {
        // Images of the user only, and no system role that could become the user's.
        var template = "{% for m in messages %}{% if loop.first and m.role == 'user' and messages|length > 1 %}{{ raise_exception('No') }}{% endif %}"
            + Parts.Replace("{% for m in messages %}", "", StringComparison.Ordinal).Replace("IMAGES", "m.role == 'user'", StringComparison.Ordinal);

        var exception = await Assert.ThrowsAsync<VllmRequestException>(() => PreviewAsync(template,
            new(ChatRole.System, "Sys"), new(new ChatRole(role), [new DataContent(Png, mediaType), new TextContent("See")]),
            new(ChatRole.User, "Ask")));

        Assert.Contains($"omits the {mediaType.Split('/')[0]} of message 2 of 3 (role '{role}')", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_ResultsReorderedForTheTemplate_TakeTheirImagesAlong()
    {
        // Results must stand in the order of their calls: one call a message.
        var template = "{% for m in messages %}{% if m.tool_calls and m.tool_calls|length > 1 %}{{ raise_exception('One') }}{% endif %}{% endfor %}"
            + Parts.Replace("IMAGES", "true", StringComparison.Ordinal);
        var profile = await ProfileAsync(template);

        var preview = VllmPromptPreview.Create(profile,
        [
            new(ChatRole.User, "Ask"), new(ChatRole.Assistant, [Call("a", "getone", "Oslo"), Call("b", "gettwo", "Rome")]),
            new(ChatRole.Tool, [new FunctionResultContent("b", new DataContent(new byte[] { 2 }, "image/png"))]),
            new(ChatRole.Tool, [new FunctionResultContent("a", new DataContent(new byte[] { 1 }, "image/png"))]),
        ]);

        Assert.Equal([1, 2], preview.Request.Media.Select(static item => item.Data.Span[0]));
    }

    private static FunctionCallContent Call(string id, string name, string city) =>
        new(id, name, new Dictionary<string, object?> { ["city"] = city });

    private static async Task<string> PreviewAsync(string template, params ChatMessage[] messages) =>
        VllmPromptPreview.Create(await ProfileAsync(template.Replace("IMAGES", "true", StringComparison.Ordinal)), messages).Text;

    private static Task<VllmModelProfile> ProfileAsync(string template) => VllmModelProfile.FromDirectoryAsync(
        Served.TinyModelFolder, new VllmGrpcOptions { ChatTemplate = template, ImageToken = "<|image_pad|>" }, Served.Cancel);

    private sealed class Failing
    {
        public string Text { get => field.Length > 0 ? field : throw new IOException("The disk is full."); } = string.Empty;
    }
}
