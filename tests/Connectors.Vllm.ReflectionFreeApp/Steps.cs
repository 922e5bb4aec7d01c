using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.ReflectionFreeApp;

/// <summary>What an application does with a chat client: tools, structured output, a cache, and messages, options and responses as JSON.</summary>
internal sealed class Steps(VllmTestServer server, VllmChatClient client)
{
    private const string Call = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Zürich\", \"days\": 2}}\n</tool_call>";

    /// <summary>The application's own types beside those of Microsoft.Extensions.AI.</summary>
    private static readonly JsonSerializerOptions AppOptions = new(AIJsonUtilities.DefaultOptions)
    { TypeInfoResolver = JsonTypeInfoResolver.Combine(AppJson.Default, AIJsonUtilities.DefaultOptions.TypeInfoResolver) };

    public async Task RunAsync()
    {
        var history = await ToolsAsync();
        await HistoryAsync(history);
        await StructuredAsync();
        await CacheAsync();
        Options();
        Console.WriteLine("done");
    }

    private async Task<List<ChatMessage>> ToolsAsync()
    {
        server.Enqueue("<think>\nA tool fits.\n</think>\n\n" + Call);
        server.Enqueue("Two sunny days.");
        var invoking = client.AsBuilder().UseFunctionInvocation().Build();
        List<ChatMessage> history = [new(ChatRole.User, "The weather?")];

        var response = await invoking
            .GetStreamingResponseAsync(history,
                new ChatOptions { Tools = [new WeatherTool()], ToolMode = ChatToolMode.RequireAny, Logprobs = 1, ReturnTokenIds = true, MinP = 0.1f })
            .ToChatResponseAsync();

        history.AddMessages(response);
        var copy = RoundTrip(response);
        Console.WriteLine($"tools: {response.Messages[^1].Text} ({WeatherTool.Asked})");
        Console.WriteLine($"response: {Same(response, copy)}, {copy.Messages[0].TokenLogprobs!.Count == copy.Messages[0].TokenIds!.Count}");
        return history;
    }

    /// <summary>A history that went through JSON gives the same prompt.</summary>
    private async Task HistoryAsync(List<ChatMessage> history)
    {
        var options = new ChatOptions { Tools = [new WeatherTool()] };
        var restored = RoundTrip<IList<ChatMessage>>(history);

        var before = await client.PreviewPromptAsync(history, options);
        var after = await client.PreviewPromptAsync(restored, options);

        Console.WriteLine($"history: {before.TokenIds.SequenceEqual(after.TokenIds)}, {before.Text.Contains("Zürich", StringComparison.Ordinal)}");
    }

    private async Task StructuredAsync()
    {
        server.Enqueue("{\"name\":\"Zürich\",\"size\":2}");

        var response = await client.GetResponseAsync<City>("A city?", AppOptions);

        Console.WriteLine($"structured: {response.Result.Name} {response.Result.Size}");
    }

    private async Task CacheAsync()
    {
        server.Enqueue("Cached. " + Call);
        var caching = client.AsBuilder()
            .UseDistributedCache(new MemoryDistributedCache(new OptionsWrapper<MemoryDistributedCacheOptions>(new MemoryDistributedCacheOptions())))
            .Build();
        var options = new ChatOptions
        { Tools = [new WeatherTool()], Logprobs = 1, OutputChoices = null, LogitBias = new Dictionary<int, float> { [7] = 1.5f } };
        var before = server.Requests.Count;

        var first = await caching.GetResponseAsync("Again?", options);
        var second = await caching.GetResponseAsync("Again?", options);

        Console.WriteLine($"cache: {Same(first, second)}, {server.Requests.Count - before} request");
    }

    private static void Options()
    {
        var options = new ChatOptions
        {
            MinP = 0.1f,
            StopTokenIds = [1, 2],
            LogitBias = new Dictionary<int, float> { [7] = 1.5f },
            OutputChoices = ["yes", "no"],
            ChatTemplateArguments = new Dictionary<string, object?>
            { ["enable_thinking"] = false, ["depth"] = 3, ["names"] = new List<string> { "a", "b" } },
            Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High },
            ResponseFormat = ChatResponseFormat.Json,
            StopSequences = ["END"],
        };

        var copy = RoundTrip(options);

        Console.WriteLine(
            $"options: {Same(options, copy)},"
                + $" {copy.MinP} {copy.StopTokenIds!.Count} {copy.LogitBias![7]} {copy.OutputChoices!.Count} {copy.ChatTemplateArguments!.Count}");
    }

    private static T RoundTrip<T>(T value) => (T)JsonSerializer.Deserialize(Json(value), AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(T)))!;

    private static bool Same<T>(T first, T second) => Json(first) == Json(second);

    private static string Json<T>(T value) => JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(T)));
}
