using System.Diagnostics;
using System.Text;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Benchmarks.Soak;

/// <summary>
/// <c>soak</c>: the whole chat client against a test server that fails in every way it can, is restarted, and whose callers cancel at random. Every
/// answer is known beforehand: a successful one must be complete, a failed or cancelled one must be a beginning of it.
/// </summary>
internal sealed class SoakBenchmark : IBenchmark
{
    private static readonly FaultKind[] Faults = Enum.GetValues<FaultKind>()
        .Where(kind => kind is not (FaultKind.Stall or FaultKind.HttpAnswer)).ToArray();

    public string Name => "soak";

    public string Summary =>
        "[--minutes M | --seconds S] [--parallel N] [--protocol VllmEngine|Inference] [--no-faults] [--no-restarts] [--samples N]: random "
            + "cancels, faults and restarts; lost text must be 0, memory level";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var duration = arguments.Text("seconds") is null
            ? TimeSpan.FromMinutes(arguments.Number("minutes", 1))
            : TimeSpan.FromSeconds(arguments.Number("seconds", 20));
        var parallel = arguments.Number("parallel", 64);
        var calm = arguments.Flag("no-faults");
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            Server = arguments.Server(),
            MaxCapturedRequests = 100,
        });
        using var model = ModelFolder.Extract(server.ModelFiles);
        server.Reply(request => Answer(server, request, calm));
        var collection = new ServiceCollection();
        collection.AddVllmGrpc(options =>
        {
            options.Endpoints.Add(server.Endpoint);
            options.ModelDirectory = model.Path;
        });
        await using var services = collection.BuildServiceProvider();
        var client = services.GetRequiredService<IChatClient>();
        await client.GetResponseAsync(SoakScript.Question(0));

        SoakTally tally = new();
        MemorySampler sampler = new(client.GetRequiredService<VllmTokenizer>(), server.Tokenizer);
        var memory = sampler.Take(0);
        using CancellationTokenSource end = new(duration);
        var start = Stopwatch.GetTimestamp();
        var sampling = sampler.RunAsync(duration / Math.Max(2, arguments.Number("samples", 10)), end.Token);
        var restarts = calm || arguments.Flag("no-restarts") ? Task.FromResult(0) : RestartAsync(server, end.Token);
        await Task.WhenAll(Enumerable.Range(0, parallel).Select(worker => Task.Run(() => WorkAsync(client, worker, calm, tally, end.Token))));
        var elapsed = Stopwatch.GetElapsedTime(start);
        using CancellationTokenSource settle = new(TimeSpan.FromSeconds(30));
        var restarted = await restarts;
        await sampling;
        await server.WaitUntilIdleAsync(settle.Token);

        List<(string Key, object? Value)> report =
        [
            ("benchmark", "soak"),
            ("protocol", arguments.Server().ToString()),
            ("seconds", elapsed.TotalSeconds),
            ("parallel", parallel),
            ("requests", tally.Requests),
            ("answered", tally.Answered),
            ("cancelled", tally.Cancelled),
            ("errors", tally.Errors.Values.Sum()),
            ("restarts", restarted),
            ("tokens", tally.Tokens),
            ("lost_chars", tally.LostCharacters),
            ("calls_left_on_server", server.ActiveRequests),
            ("memory_start_bytes", memory),
            ("memory_middle_bytes", sampler.Samples[sampler.Samples.Count / 2]),
            ("memory_end_bytes", sampler.Take(elapsed.TotalSeconds)),
        ];
        report.AddRange(
            tally.Errors.OrderBy(error => error.Key, StringComparer.Ordinal).Select(error => ("error_" + error.Key, (object?)error.Value)));
        JsonReport.Print([.. report]);
        return tally.LostCharacters == 0 && tally.Answered > 0 && server.ActiveRequests == 0 ? 0 : 1;
    }

    private static ScriptedReply Answer(VllmEmulator server, CapturedRequest request, bool calm)
    {
        var number = SoakScript.NumberIn(server.Tokenizer.Decode([.. request.PromptIds])) ?? 0;
        Random random = new(request.Number);
        ScriptedReply reply = new()
        {
            Text = SoakScript.Answer(number),
            TokensPerMessage = random.Next(1, 9),
            DelayPerMessage = random.Next(4) == 0 ? TimeSpan.FromMilliseconds(random.Next(1, 5)) : TimeSpan.Zero,
            Delivery = random.Next(20) == 0 ? MessageDelivery.SingleBytes : random.Next(3) == 0 ? MessageDelivery.Together : MessageDelivery.OneByOne,
        };
        return calm || random.Next(10) != 0 ? reply : reply with { Fault = ServerFault.After(random.Next(6), Faults[random.Next(Faults.Length)]) };
    }

    private static async Task WorkAsync(IChatClient client, int worker, bool calm, SoakTally tally, CancellationToken end)
    {
        Random random = new(worker);
        ChatOptions options = new() { Temperature = 0, MaxOutputTokens = 1024 };
        while (!end.IsCancellationRequested)
        {
            var number = random.Next(1_000_000);
            var expected = SoakScript.Answer(number);
            StringBuilder received = new();
            using CancellationTokenSource cancel = new();
            var stopAfter = !calm && random.Next(8) == 0 ? random.Next(10) : int.MaxValue;
            tally.Started();
            try
            {
                var tokens = 0L;
                await foreach (var update in client.GetStreamingResponseAsync(SoakScript.Question(number), options, cancel.Token))
                {
                    received.Append(update.Text);
                    tokens += update.Contents.OfType<UsageContent>().Sum(usage => usage.Details.OutputTokenCount ?? 0);
                    if (stopAfter-- == 0)
                    {
                        await cancel.CancelAsync();
                    }
                }

                tally.CountAnswer(received.ToString(), expected, tokens);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                tally.CountCancellation(received.ToString(), expected);
            }
            catch (Exception error)
            {
                tally.CountError(error, received.ToString(), expected);
            }
        }
    }

    private static async Task<int> RestartAsync(VllmEmulator server, CancellationToken end)
    {
        var restarts = 0;
        while (true)
        {
            try
            {
                await Task.Delay(TimeSpan.FromSeconds(5), end);
            }
            catch (OperationCanceledException)
            {
                return restarts;
            }

            await server.StopAsync();
            await server.RestartAsync(CancellationToken.None);
            restarts++;
        }
    }
}
