using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Images: the media list, one anchor per image in the same order, and refusals before anything is sent.</summary>
public sealed class ImageTests
{
    private const string Anchor = "<|image_pad|>";

    // The first bytes of a PNG; the test server looks no further.
    private static readonly byte[] Red = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1];
    private static readonly byte[] Blue = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 2, 2];

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(24)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_Two_GoInOrderWithOneAnchorEach(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);

        await served.AskAsync([new(ChatRole.User, [new TextContent("Compare "), Image(Red), new TextContent(" with "), Image(Blue)])]);
        await served.AskAsync([new(ChatRole.User, [new TextContent("Compare "), Image(Blue), new TextContent(" with "), Image(Red)])]);

        Assert.Equal([Bytes(Red), Bytes(Blue)], served.Sent[0].Media);
        Assert.Equal([Bytes(Blue), Bytes(Red)], served.Sent[1].Media);
        Assert.Equal(served.Sent[0].PromptIds, served.Sent[1].PromptIds);
        Assert.Equal(2, Anchors(served));
        Assert.Contains($"Compare {Anchor} with {Anchor}", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_OverSeveralMessages_KeepTheOrderOfTheMessages(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);

        var response = await served.AskAsync(
        [
            new(ChatRole.User, [Image(Blue), new TextContent("First?")]),
            new(ChatRole.Assistant, "Blue."),
            new(ChatRole.User, [Image(Red), Image(Blue), new TextContent("And these?")]),
        ]);

        Assert.Equal([Bytes(Blue), Bytes(Red), Bytes(Blue)], served.LastSent.Media);
        Assert.Equal(3, Anchors(served));
        Assert.Equal(served.LastSent.PromptIds.Count + (3 * 3), response.Usage!.InputTokenCount);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_InAToolResult_AreSentWithAnAnchorInsideTheResult(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);

        await served.AskAsync(
        [
            new(ChatRole.User, [Image(Red), new TextContent("Take a picture.")]),
            new(ChatRole.Assistant, [new FunctionCallContent("1", "camera")]),
            new(ChatRole.Tool, [new FunctionResultContent("1", new AIContent[] { new TextContent("here: "), Image(Blue) })]),
        ]);

        Assert.Equal([Bytes(Red), Bytes(Blue)], served.LastSent.Media);
        Assert.Contains($"<tool_response>\nhere: {Anchor}\n</tool_response>", served.LastPrompt);
        Assert.Equal(2, Anchors(served));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_AWholeConversationWithTypedAnchors_KeepsListAnchorsAndOrder(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);
        var anchor = served.Server.Tokenizer.TokenToId(Anchor)!.Value;
        List<ChatMessage> Conversation(byte[] first, byte[] second, string typed) =>
        [
            new(ChatRole.User, [new TextContent($"Compare {typed} "), Image(first), new TextContent(" with "), Image(second)]),
            new(ChatRole.Assistant, [new TextContent("I need another one."), new FunctionCallContent("1", "camera")]),
            new(ChatRole.Tool,
                [new FunctionResultContent(
                    "1", new AIContent[] { new TextContent($"here {typed}: "), Image(second), new TextContent(" and "), Image(first) })]),
            new(ChatRole.User, $"Which is {typed} darker?"),
        ];

        await served.AskAsync(Conversation(Red, Blue, "x"));
        await served.AskAsync(Conversation(Blue, Red, "x"));
        await served.AskAsync(Conversation(Red, Blue, Anchor + "<|vision_start|>"));

        Assert.Equal([Bytes(Red), Bytes(Blue), Bytes(Blue), Bytes(Red)], served.Sent[0].Media);
        Assert.Equal([Bytes(Blue), Bytes(Red), Bytes(Red), Bytes(Blue)], served.Sent[1].Media);
        Assert.Equal(served.Sent[0].PromptIds, served.Sent[1].PromptIds);
        Assert.Equal(served.Sent[0].Media, served.Sent[2].Media);
        Assert.All(served.Sent, sent => Assert.Equal(4, sent.PromptIds.Count(id => id == anchor)));
    }

    [ContractPoint(24)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_ByAddress_ArePassedOnOrRefusedByOption(EmulatedServer protocol)
    {
        await using var open = await StartAsync(protocol);
        await using var closed = await StartAsync(protocol, client: client => client.AllowRemoteMedia = false);
        ChatMessage[] messages = [new(ChatRole.User, [new UriContent("https://example.com/cat.png", "image/png"), new TextContent("What?")])];

        await open.AskAsync(messages);
        var error = await Assert.ThrowsAsync<VllmRequestException>(() => closed.AskAsync(messages));

        Assert.Equal(["https://example.com/cat.png"], open.LastSent.Media);
        Assert.Contains("AllowRemoteMedia", error.Message);
        Assert.Empty(closed.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_AsDataAddress_AreSentAsBytes(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, client: client => client.AllowRemoteMedia = false);

        await served.AskAsync(
            [new(ChatRole.User, [new DataContent("data:image/png;base64," + Convert.ToBase64String(Red)), new TextContent("What?")])]);

        Assert.Equal([Bytes(Red)], served.LastSent.Media);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_StringTemplate_GetThePlaceholderOfTheModelType(EmulatedServer protocol)
    {
        await using var served =
            await StartAsync(protocol, client: client => client.ChatTemplate = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}");

        await served.AskAsync([new(ChatRole.User, [new TextContent("Compare."), Image(Red), Image(Blue)])]);

        Assert.Equal($"[user]<|vision_start|>{Anchor}<|vision_end|>\n<|vision_start|>{Anchor}<|vision_end|>\nCompare.", served.LastPrompt);
        Assert.Equal(2, Anchors(served));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Refusal_ServerWithoutMedia_SaysWhatToSwitchOn(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, server =>
        {
            server.AcceptsMedia = false;
            server.SupportsVision = true;
        });

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync([new(ChatRole.User, [Image(Red)])]));

        Assert.Equal("Media", error.Parameter);
        if (protocol == EmulatedServer.VllmEngine)
        {
            Assert.Contains("--mm-processor inprocess", error.Message);
        }

        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Refusal_TextModel_SaysThatItIsOne(EmulatedServer protocol)
    {
        await using var parts = await Served.StartAsync(protocol);
        await using var strings = await Served.StartAsync(
            protocol, server => server.ServedModelName = "reader", client => client.ContentFormat = ChatTemplates.ChatContentFormat.String);
        ChatMessage[] messages = [new(ChatRole.User, [Image(Red), new TextContent("What?")])];

        var first = await Assert.ThrowsAsync<VllmRequestException>(() => parts.AskAsync(messages));
        var second = await Assert.ThrowsAsync<NotSupportedException>(() => strings.AskAsync(messages));

        Assert.All([first.Message, second.Message], message => Assert.Contains("text model", message));
        Assert.Contains("'reader'", second.Message);
        Assert.Empty(parts.Sent);
        Assert.Empty(strings.Sent);
    }

    [Fact]
    public async Task Refusal_FileAddress_AdvisesToLoadTheBytes()
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine);

        var error = await Assert.ThrowsAsync<VllmRequestException>(
            () => served.AskAsync([new(ChatRole.User, [new UriContent("file:///etc/passwd", "image/png")])]));

        Assert.Contains("bytes", error.Message);
        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Refusal_TemplateThatOmitsImages_NamesTheMessage(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, client: client => client.ChatTemplate =
            "{% for m in messages %}[{{ m.role }}]{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}");

        var error =
            await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync([new(ChatRole.User, [Image(Red), new TextContent("What?")])]));

        Assert.Contains("omits the image of message 1 of 1", error.Message);
        Assert.Empty(served.Sent);
    }

    [Fact]
    public async Task Refusal_MoreImagesThanTheServerTakes_NamesTheLimit()
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine, server => server.MaxImages = 1);

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync([new(ChatRole.User, [Image(Red), Image(Blue)])]));

        Assert.Contains("1 per request", error.Message);
        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Refusal_BytesThatAreNoImage_IsARequestErrorAboutMedia(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);

        var error = await Assert.ThrowsAsync<VllmRequestException>(
            () => served.AskAsync([new(ChatRole.User, [new DataContent(new byte[] { 1, 2, 3 }, "image/png")])]));

        Assert.False(error.IsRetryable);
    }

    [Fact]
    public async Task Refusal_RequestAboveWhatTheInferenceProtocolTakes_IsMadeBeforeSending()
    {
        await using var served = await StartAsync(EmulatedServer.Inference);
        byte[] large = [.. Red, .. new byte[32 << 20]];
        ChatMessage[] messages = [new(ChatRole.User, [Image(large), new TextContent("What?")])];

        var whole = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync(messages));
        var streamed = await Assert.ThrowsAsync<VllmRequestException>(() => served.StreamAsync(messages));

        Assert.All([whole, streamed], error => Assert.Contains("33554432", error.Message.Replace(",", "", StringComparison.Ordinal)));
        Assert.Empty(served.Sent);

        // Two that fit each for itself do not fit together.
        byte[] half = [.. Red, .. new byte[17 << 20]];
        await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync([new(ChatRole.User, [Image(half), Image(half)])]));
        Assert.Empty(served.Sent);
        await served.AskAsync([new(ChatRole.User, [Image(half), new TextContent("What?")])]);
        Assert.Single(served.Sent);
    }

    [Fact]
    public async Task Refusal_RequestAboveTheClientsOwnLimit_NamesTheSetting()
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine, client: client => client.Connection.MaxSendMessageBytes = 1 << 20);

        var error = await Assert.ThrowsAsync<VllmRequestException>(
            () => served.AskAsync([new(ChatRole.User, [Image([.. Red, .. new byte[1 << 20]]), new TextContent("What?")])]));

        Assert.Contains("MaxSendMessageBytes", error.Message);
        Assert.Empty(served.Sent);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, 14, "media_refs[0]: fetch failed: 404, message='Not Found', url='https://example.com/none.png'")]
    [InlineData(
        EmulatedServer.Inference, 13,
        "multimodal preprocessing error: HTTP error while fetching media: HTTP status client error (404 Not Found) for url "
            + "(https://example.com/none.png)")]
    public async Task RemoteImage_TheServerCannotFetch_IsOneErrorWithItsWordsAndNoRetry(EmulatedServer protocol, int status, string words)
    {
        await using var served = await StartAsync(protocol, client: client => client.Connection.Retry.BaseDelay = TimeSpan.FromMilliseconds(1));
        served.Server.Reply(ScriptedReply.Failing(ServerFault.Status(status, words)));
        ChatMessage[] messages = [new(ChatRole.User, [new UriContent("https://example.com/none.png", "image/png"), new TextContent("What?")])];

        var whole = await Assert.ThrowsAnyAsync<VllmException>(() => served.AskAsync(messages));
        var streamed = await Assert.ThrowsAnyAsync<VllmException>(() => served.StreamAsync(messages));

        Assert.All([whole, streamed], error =>
        {
            Assert.Equal(words, error.ServerMessage);
            Assert.Contains("none.png", error.Message);
            Assert.False(error.IsRetryable);
        });
        Assert.Equal(2, served.Sent.Count);

        // The next call is not held back by it.
        served.Server.Reply("A cat.");
        Assert.Equal("A cat.", (await served.AskAsync("Hi")).Text);
    }

    private static DataContent Image(byte[] bytes) => new(bytes, "image/png");

    private static string Bytes(byte[] bytes) => "bytes:" + Convert.ToHexString(bytes);

    private static int Anchors(Served served) => served.LastSent.PromptIds.Count(id => id == served.Server.Tokenizer.TokenToId(Anchor));

    private static Task<Served> StartAsync(
        EmulatedServer protocol, Action<VllmEmulatorOptions>? server = null, Action<VllmGrpcOptions>? client = null) => Served.StartAsync(
        protocol,
        options =>
        {
            options.AcceptsMedia = true;
            options.ModelDirectory = VisionModelFolder.Path;
            server?.Invoke(options);
        },
        client);
}
