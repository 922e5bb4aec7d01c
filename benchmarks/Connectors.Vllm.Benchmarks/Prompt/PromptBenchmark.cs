using System.Diagnostics;
using Connectors.Vllm.Benchmarks.Stream;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Benchmarks.Prompt;

/// <summary>
/// <c>prompt</c>: from the API call until the server has the whole request (template, tokenizer, request, and its way over loopback), and until the
/// answer's first message is here. First turn (nothing cached) and next turn (the conversation so far is in the segment cache).
/// </summary>
internal sealed class PromptBenchmark : IBenchmark
{
    private const string Sentence =
        "The quick brown fox reads the manual, finds nothing about foxes, and writes a short note to the authors about it. ";

    private static int _asked;

    public string Name => "prompt";

    public string Summary =>
        "[--model-dir DIR] [--dump FOLDER] [--tiny]: call to request and to first answer for 1 to 100 messages and 1k to 100k tokens, first and "
            + "next turn";

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
                    await MeasureAsync(server, modelDirectory, messages, tokens, tools, tiny ? 1 : 7);
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

    private static async Task MeasureAsync(StreamServerProcess server, string modelDirectory, int messages, int tokens, bool tools, int runs)
    {
        var collection = new ServiceCollection();
        collection.AddVllmGrpc(options =>
        {
            options.Endpoints.Add(server.Grpc);
            options.ModelDirectory = modelDirectory;
        });
        await using var services = collection.BuildServiceProvider();
        var client = services.GetRequiredService<IChatClient>();
        ChatOptions options = new() { MaxOutputTokens = 16, Temperature = 0, Tools = tools ? Tools() : null };

        // Loads the model, and lets the runtime compile the paths.
        Task AskShortlyAsync() => AskAsync(client, Conversation(messages, 1000, salt: -1), options);
        await (runs == 1 ? AskShortlyAsync() : WarmUp.RunAsync(AskShortlyAsync));

        List<PromptRun> first = [];
        List<PromptRun> next = [];
        List<double> counts = [];
        var promptChars = 0L;
        for (var run = 0; run < runs; run++)
        {
            var conversation = Conversation(messages, tokens, salt: run);
            first.Add(await TimeAsync(client, server, conversation, $"What does note {run} say?", options));
            conversation.Add(new ChatMessage(ChatRole.Assistant, "Noted."));
            next.Add(await TimeAsync(client, server, conversation, $"And what does it not say?", options));
            promptChars = conversation.Sum(message => message.Text.Length);

            // A conversation that nothing has been asked of: its count finds nothing in the cache, as a first turn does.
            var counted = Conversation(messages, tokens, salt: runs + run);
            var start = Stopwatch.GetTimestamp();
            await client.GetRequiredService<VllmChatClient>().CountTokensAsync(counted, options);
            counts.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        foreach (var (turn, results) in new[] { ("first", first), ("next", next) })
        {
            JsonReport.Print(
                ("benchmark", "prompt"),
                ("turn", turn),
                ("messages", messages),
                ("prompt_tokens_about", tokens),
                ("prompt_chars", promptChars),
                ("tools", tools),
                ("call_to_request_ms", Median(results, run => run.RequestMilliseconds)),
                ("call_to_first_answer_ms", Median(results, run => run.AnswerMilliseconds)),
                ("count_tokens_ms", counts.Order().ElementAt(counts.Count / 2)),
                ("alloc_bytes", Median(results, run => run.AllocatedBytes)));
        }
    }

    private static double Median(List<PromptRun> runs, Func<PromptRun, double> key) => runs.Select(key).Order().ElementAt(runs.Count / 2);

    // Adds the question, with the number by which the server's times are found, and asks it.
    private static async Task<PromptRun> TimeAsync(
        IChatClient client, StreamServerProcess server, List<ChatMessage> conversation, string question, ChatOptions options)
    {
        var number = Interlocked.Increment(ref _asked);
        conversation.Add(new ChatMessage(ChatRole.User, $"{question} (Question #{number}#)"));
        GC.Collect();
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var start = Stopwatch.GetTimestamp();
        var first = await AskAsync(client, conversation, options);
        var bytes = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        var (arrived, _) = await server.TimesAsync(number);
        return new PromptRun(
            Stopwatch.GetElapsedTime(start, arrived).TotalMilliseconds, Stopwatch.GetElapsedTime(start, first).TotalMilliseconds, bytes);
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
            .ToList();
    }

    private static List<AITool> Tools() =>
        [.. Enumerable.Range(0, 8)
            .Select(i => AIFunctionFactory.CreateDeclaration(
                $"tool_{i}", "Looks a note up by its number and returns its text.", System.Text.Json.JsonDocument.Parse(
            """{"type":"object","properties":{"number":{"type":"integer","description":"the note's """
                + """number"},"style":{"type":"string","enum":["short","long"]}},"required":["number"]}""").RootElement))];

    private readonly record struct PromptRun(double RequestMilliseconds, double AnswerMilliseconds, double AllocatedBytes);
}
