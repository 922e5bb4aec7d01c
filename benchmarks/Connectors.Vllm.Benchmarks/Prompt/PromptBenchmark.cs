using System.Diagnostics;
using Connectors.Vllm.Benchmarks.Stream;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Benchmarks.Prompt;

/// <summary>
/// <c>prompt</c>: from the API call to the answer's first message, against a server that answers at once: template, tokenizer, request, and one round
/// trip over loopback. First turn (nothing cached) and next turn (the conversation so far is in the segment cache).
/// </summary>
internal sealed class PromptBenchmark : IBenchmark
{
    private const string Sentence = "The quick brown fox reads the manual, finds nothing about foxes, and writes a short note to the authors about it. ";

    public string Name => "prompt";

    public string Summary => "[--model-dir DIR] [--dump FOLDER] [--tiny]: call to first answer for 1 to 100 messages and 1k to 100k tokens, first and next turn";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var modelDirectory = BenchmarkModel.Directory(arguments);
        var tiny = arguments.Flag("tiny");
        using var server = await StreamServerProcess.StartAsync(modelDirectory, new StreamCase(StreamShape.Text, 1, 1, 1, 0));
        foreach (var messages in tiny ? (int[])[1, 10] : [1, 10, 100])
        {
            foreach (var tokens in tiny ? (int[])[1000] : [1000, 10_000, 100_000])
            {
                foreach (var tools in (bool[])[false, true])
                {
                    await MeasureAsync(server.Grpc, modelDirectory, messages, tokens, tools, tiny ? 1 : 7);
                    if (arguments.Text("dump") is { } folder)
                    {
                        PromptDump.Write(
                            Path.Combine(folder, $"{messages}-{tokens}-{(tools ? "tools" : "plain")}.json"),
                            Conversation(messages, tokens, salt: 0),
                            tools ? Tools() : null);
                    }
                }
            }
        }

        return 0;
    }

    private static async Task MeasureAsync(Uri endpoint, string modelDirectory, int messages, int tokens, bool tools, int runs)
    {
        await using var services = new ServiceCollection()
            .AddVllmGrpc(options =>
            {
                options.Endpoints.Add(endpoint);
                options.ModelDirectory = modelDirectory;
            })
            .Services
            .BuildServiceProvider();
        var client = services.GetRequiredService<IChatClient>();
        ChatOptions options = new() { MaxOutputTokens = 16, Temperature = 0, Tools = tools ? Tools() : null };

        // Loads the model and compiles the paths.
        await AskAsync(client, Conversation(messages, 1000, salt: -1), options);

        List<(double Milliseconds, long Bytes)> first = [];
        List<(double Milliseconds, long Bytes)> next = [];
        var promptTokens = 0L;
        for (var run = 0; run < runs; run++)
        {
            var conversation = Conversation(messages, tokens, salt: run);
            first.Add(await TimeAsync(client, conversation, options));
            conversation.Add(new ChatMessage(ChatRole.Assistant, "Noted."));
            conversation.Add(new ChatMessage(ChatRole.User, $"And what does note {run} say?"));
            next.Add(await TimeAsync(client, conversation, options));
            promptTokens = conversation.Sum(message => message.Text.Length);
        }

        foreach (var (turn, results) in new[] { ("first", first), ("next", next) })
        {
            var sorted = results.OrderBy(result => result.Milliseconds).ToList();
            JsonReport.Print(
                ("benchmark", "prompt"),
                ("turn", turn),
                ("messages", messages),
                ("prompt_tokens_about", tokens),
                ("prompt_chars", promptTokens),
                ("tools", tools),
                ("call_to_first_answer_ms", sorted[sorted.Count / 2].Milliseconds),
                ("alloc_bytes", sorted[sorted.Count / 2].Bytes));
        }
    }

    private static async Task<(double Milliseconds, long Bytes)> TimeAsync(IChatClient client, List<ChatMessage> conversation, ChatOptions options)
    {
        GC.Collect();
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var start = Stopwatch.GetTimestamp();
        var first = await AskAsync(client, conversation, options);
        return (Stopwatch.GetElapsedTime(start, first).TotalMilliseconds, GC.GetTotalAllocatedBytes(precise: true) - allocated);
    }

    private static async Task<long> AskAsync(IChatClient client, List<ChatMessage> conversation, ChatOptions options)
    {
        var first = 0L;
        await foreach (var update in client.GetStreamingResponseAsync(conversation, options))
        {
            first = first == 0 ? Stopwatch.GetTimestamp() : first;
        }

        return first;
    }

    // Every conversation differs in every sentence, so that a first turn finds nothing in the cache.
    private static List<ChatMessage> Conversation(int messages, int tokens, int salt)
    {
        var sentences = Math.Max(1, tokens / 28 / messages);
        return Enumerable.Range(0, messages)
            .Select(i => new ChatMessage(
                i % 2 == 0 ? ChatRole.User : ChatRole.Assistant,
                string.Concat(Enumerable.Range(0, sentences).Select(j => $"Note {salt}.{i}.{j}: {Sentence}"))))
            .Concat(messages % 2 == 0 ? [new ChatMessage(ChatRole.User, $"What does note {salt} say?")] : [])
            .ToList();
    }

    private static List<AITool> Tools() =>
        [.. Enumerable.Range(0, 8).Select(i => AIFunctionFactory.CreateDeclaration($"tool_{i}", "Looks a note up by its number and returns its text.", System.Text.Json.JsonDocument.Parse(
            """{"type":"object","properties":{"number":{"type":"integer","description":"the note's number"},"style":{"type":"string","enum":["short","long"]}},"required":["number"]}""").RootElement))];
}
