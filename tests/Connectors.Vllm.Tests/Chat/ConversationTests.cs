using System.Text.Json;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>Several turns: tool rounds, re-sent histories, caching, and media.</summary>
public sealed class ConversationTests
{
    private static readonly byte[] Png = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3, 4];
    private static readonly byte[] Jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 0x4A, 0x46, 0x49, 0x46, 0, 1];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolLoop_TwoRounds_EndsInAnAnswer(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol, client: options => options.ToolCallParser = "hermes");
        host.Server.Enqueue(
            SampleTools.Call("get_weather", """{"city": "Paris"}""") + "\n" + SampleTools.Call("get_time", "{}"),
            SampleTools.Call("get_time", "{}"),
            "It is sunny.");
        List<ChatMessage> history = [new(ChatRole.User, "Weather and time?")];
        var options = new ChatOptions { Tools = [SampleTools.Weather, SampleTools.Time] };
        ChatResponse response;
        var ids = new HashSet<string>();
        do
        {
            response = await host.Client.GetResponseAsync(history, options, Token);
            history.AddRange(response.Messages);
            var results = new List<AIContent>();
            foreach (var call in response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>())
            {
                Assert.True(ids.Add(call.CallId), "a call id was used twice");
                var function = options.Tools.OfType<AIFunction>().Single(tool => tool.Name == call.Name);
                results.Add(new FunctionResultContent(call.CallId, await function.InvokeAsync(new AIFunctionArguments(call.Arguments), Token)));
            }

            if (results.Count > 0)
            {
                history.Add(new ChatMessage(ChatRole.Tool, results));
            }
        }
        while (response.FinishReason == ChatFinishReason.ToolCalls);

        Assert.Equal("It is sunny.", response.Text);
        Assert.Equal(3, ids.Count);
        Assert.Equal(3, host.Generations.Count);
    }

    [Theory]
    [InlineData("""{"city":"Paris",  "days": 1e0}""")]
    [InlineData("""{"days": 2, "city": "Zürich \u00e9"}""")]
    public async Task History_ResentResponse_ExtendsTheTokensTheServerHas(string arguments)
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ToolCallParser = "hermes");
        var reply = "Looking.\n" + SampleTools.Call("get_weather", arguments);
        host.Server.Enqueue(reply, "Sunny.");
        List<ChatMessage> history = [new(ChatRole.User, "Weather?")];
        var options = new ChatOptions { Tools = [SampleTools.Weather], ReturnTokenIds = true };

        var first = await host.Client.GetResponseAsync(history, options, Token);
        history.AddRange(first.Messages);
        history.Add(
            new ChatMessage(
                ChatRole.Tool, [new FunctionResultContent(first.Messages[0].Contents.OfType<FunctionCallContent>().Single().CallId, "sun")]));
        await host.Client.GetResponseAsync(history, options, Token);

        int[] seen = [.. first.Messages[0].PromptTokenIds!, .. first.Messages[0].TokenIds!];
        Assert.Equal(seen, host.Generations[^1].PromptIds.Take(seen.Length));
    }

    [Fact]
    public async Task History_SerializedAndReadBack_GivesTheSamePrompt()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ToolCallParser = "hermes");
        host.Server.Enqueue(SampleTools.Call("get_weather", """{"city":"Paris"}"""));
        List<ChatMessage> history = [new(ChatRole.User, "Weather?")];
        var response = await host.Client.GetResponseAsync(history, new ChatOptions { Tools = [SampleTools.Weather], Logprobs = 1 }, Token);
        history.AddRange(response.Messages);
        history.Add(
            new ChatMessage(
                ChatRole.Tool, [new FunctionResultContent(response.Messages[0].Contents.OfType<FunctionCallContent>().Single().CallId, "sun")]));

        var json = JsonSerializer.Serialize(history, AIJsonUtilities.DefaultOptions);
        var restored = JsonSerializer.Deserialize<List<ChatMessage>>(json, AIJsonUtilities.DefaultOptions)!;

        Assert.Equal((await host.Client.PreviewPromptAsync(history, null, Token)).TokenIds,
            (await host.Client.PreviewPromptAsync(restored, null, Token)).TokenIds);
        Assert.Equal(json, JsonSerializer.Serialize(restored, AIJsonUtilities.DefaultOptions));
        Assert.NotNull(restored[1].TokenLogprobs);
    }

    [Fact]
    public async Task History_EditedArguments_WinOverTheModelsSpelling()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ToolCallParser = "hermes");
        host.Server.Enqueue(SampleTools.Call("get_weather", """{"city":"Paris"}"""));
        var response = await host.Client.GetResponseAsync("Weather?", new ChatOptions { Tools = [SampleTools.Weather] }, Token);
        response.Messages[0].Contents.OfType<FunctionCallContent>().Single().Arguments!["city"] = "London";

        var preview = await host.Client.PreviewPromptAsync([new ChatMessage(ChatRole.User, "Weather?"), .. response.Messages], null, Token);

        Assert.Contains("London", preview.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Paris", preview.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Images_InOrderAndInToolResults_ReachTheServerWithOneAnchorEach(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(
            protocol, server: options => options.AcceptsMedia = true, client: options => options.ImageToken = "<|image_pad|>");
        host.Server.Reply("Two pictures.");
        var first = new DataContent(Png, "image/png");
        var second = new DataContent(Jpeg, "image/jpeg");
        List<ChatMessage> messages =
        [
            new(ChatRole.User, [new TextContent("Compare <|image_pad|>"), second, new TextContent("and"), first]),
        ];

        var response = await host.Client.GetResponseAsync(messages, null, Token);

        var anchor = host.Server.Tokenizer.TokenToId("<|image_pad|>")!.Value;
        var preview = await host.Client.PreviewPromptAsync(messages, null, Token);
        Assert.Equal("Two pictures.", response.Text);
        Assert.Equal(2, preview.TokenIds.Count(id => id == anchor));
        Assert.Equal(["image/jpeg", "image/png"], preview.Request.Media.Select(item => item.MediaType));
        Assert.Equal(Jpeg, preview.Request.Media[0].Data.ToArray());
    }

    [Fact]
    public async Task Images_ServerTakesNone_IsAClearError()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ImageToken = "<|image_pad|>");
        host.Server.Reply("ok");

        var error = await Assert.ThrowsAnyAsync<VllmException>(() => host.Client.GetResponseAsync(
            [new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])], null, Token));

        Assert.Contains("media", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Images_FileAddressOrRemoteSwitchedOff_AreRefused()
    {
        await using var host = await ChatHost.StartAsync(
            server: options => options.AcceptsMedia = true,
            client: options =>
            {
                options.ImageToken = "<|image_pad|>";
                options.AllowRemoteMedia = false;
            });

        await Assert.ThrowsAnyAsync<VllmException>(() => Send(new UriContent(new Uri("file:///etc/passwd"), "image/png")));
        await Assert.ThrowsAnyAsync<VllmException>(() => Send(new UriContent(new Uri("http://169.254.169.254/x.png"), "image/png")));

        Task Send(AIContent content) => host.Client.GetResponseAsync([new ChatMessage(ChatRole.User, [content])], null, Token);
    }

    [Fact]
    public async Task Images_StringTemplate_PlaceholderGoesFirst()
    {
        await using var host = await ChatHost.StartAsync(
            server: options => options.AcceptsMedia = true,
            client: options =>
            {
                options.ImageToken = "<|image_pad|>";
                options.ChatTemplate = "{% for m in messages %}[{{ m.content }}]{% endfor %}";
            });

        var preview = await host.Client.PreviewPromptAsync(
            [new ChatMessage(ChatRole.User, [new TextContent("Look at <|image_pad|>"), new DataContent(new byte[] { 1 }, "image/png")])],
            null, Token);

        Assert.Equal("[<|image_pad|>\nLook at <|image_pad|>]", preview.Text);
        var anchor = host.Server.Tokenizer.TokenToId("<|image_pad|>")!.Value;
        Assert.Single(preview.TokenIds, id => id == anchor);
    }
}
