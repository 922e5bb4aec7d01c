using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Benchmarks.Soak;

/// <summary>
/// <c>failover</c>: the whole chat client against three servers of which always one, chosen at random, hangs, refuses, cuts its connections,
/// restarts, or breaks off in its answers. What was not answered yet must be answered by another one; what was, must be a beginning of the true
/// answer.
/// </summary>
internal sealed class FailoverBenchmark : IBenchmark
{
    private const int Servers = 3;

    /// <summary>What a server does to calls that have got nothing yet: all of it may be tried elsewhere.</summary>
    private static readonly ServerFault[] BeforeAnswers =
    [
        ServerFault.After(0, FaultKind.Stall),
        ServerFault.After(0, FaultKind.DropConnection),
        ServerFault.After(0, FaultKind.CloseConnection),
        ServerFault.After(0, FaultKind.GoAway),
        ServerFault.Status(14, "The engine is currently busy and cannot accept new requests."),
        ServerFault.Status(8, "too many requests"),
    ];

    private static readonly FaultKind[] InAnswers =
        [FaultKind.Stall, FaultKind.DropConnection, FaultKind.ResetStream, FaultKind.EndEarly, FaultKind.NotProtobuf, FaultKind.MissingTrailers];

    public string Name => "failover";

    public string Summary =>
        "[--minutes M | --seconds S] [--parallel N] [--protocol VllmEngine|Inference]: one of three servers misbehaves at random; nothing lost, "
            + "no request unanswered";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var duration = arguments.Text("seconds") is null
            ? TimeSpan.FromMinutes(arguments.Number("minutes", 1)) : TimeSpan.FromSeconds(arguments.Number("seconds", 20));
        var options = new VllmEmulatorOptions
        {
            Server = arguments.Server(),
            MaxCapturedRequests = 100,
        };
        await using var one = await VllmEmulator.StartAsync(options);
        await using var two = await VllmEmulator.StartAsync(options);
        await using var three = await VllmEmulator.StartAsync(options);
        VllmEmulator[] servers = [one, two, three];
        using var model = ModelFolder.Extract(one.ModelFiles);
        foreach (var server in servers)
        {
            server.Reply(request => Answer(server, request, fault: null));
        }

        var collection = new ServiceCollection();
        collection.AddVllmGrpc(client =>
        {
            foreach (var server in servers)
            {
                client.Endpoints.Add(server.Endpoint);
            }

            client.ModelDirectory = model.Path;
            client.Connection.FirstTokenTimeout = client.Connection.BetweenTokensTimeout = client.Connection.CallTimeout = TimeSpan.FromSeconds(2);
            client.Connection.ProbeInterval = TimeSpan.FromMilliseconds(200);
        });
        await using var services = collection.BuildServiceProvider();
        var chat = services.GetRequiredService<IChatClient>();
        await chat.GetResponseAsync(SoakScript.Question(0));

        // Answers that a server was told to break off: a reset may take the text with it that was sent before.
        ConcurrentDictionary<int, bool> begun = new();
        SoakTally tally = new();
        Slowest slowest = new();
        using CancellationTokenSource end = new(duration);
        var start = Stopwatch.GetTimestamp();
        var trouble = TroubleAsync(servers, begun, end.Token);
        await Task.WhenAll(Enumerable.Range(0, arguments.Number("parallel", 32))
            .Select(worker => Task.Run(() => WorkAsync(chat, worker, tally, begun, slowest, end.Token))));
        var elapsed = Stopwatch.GetElapsedTime(start);
        var troubles = await trouble;
        using CancellationTokenSource settle = new(TimeSpan.FromSeconds(30));
        await Task.WhenAll(servers.Select(server => server.WaitUntilIdleAsync(settle.Token)));

        List<(string Key, object? Value)> report =
        [
            ("benchmark", "failover"),
            ("protocol", arguments.Server().ToString()),
            ("seconds", elapsed.TotalSeconds),
            ("requests", tally.Requests),
            ("answered", tally.Answered),
            ("troubles", troubles),
            ("unanswered", tally.Unanswered),
            ("broken_off", tally.Errors.Values.Sum() - tally.Unanswered),
            ("lost_chars", tally.LostCharacters),
            ("slowest_answer_seconds", slowest.Seconds),
            ("calls_left_on_servers", servers.Sum(server => server.ActiveRequests)),
            ("working_set_bytes", Environment.WorkingSet),
        ];
        report.AddRange(
            tally.Errors.OrderBy(error => error.Key, StringComparer.Ordinal).Select(error => ("error_" + error.Key, (object?)error.Value)));
        JsonReport.Print([.. report]);
        return tally is { LostCharacters: 0, Unanswered: 0, Answered: > 0 } ? 0 : 1;
    }

    private static ScriptedReply Answer(
        VllmEmulator server, CapturedRequest request, ServerFault? fault, ConcurrentDictionary<int, bool>? begun = null)
    {
        var number = SoakScript.NumberIn(server.Tokenizer.Decode([.. request.PromptIds])) ?? 0;
        if (begun is not null && fault is { AfterMessages: > 0 })
        {
            begun[number] = true;
        }

        return new ScriptedReply { Text = SoakScript.Answer(number), TokensPerMessage = 4, Fault = fault };
    }

    private static async Task WorkAsync(
        IChatClient client, int worker, SoakTally tally, ConcurrentDictionary<int, bool> begun, Slowest slowest, CancellationToken end)
    {
        Random random = new(worker);
        ChatOptions options = new() { Temperature = 0, MaxOutputTokens = 1024 };
        while (!end.IsCancellationRequested)
        {
            var number = random.Next(1_000_000);
            var expected = SoakScript.Answer(number);
            StringBuilder received = new();
            tally.Started();
            var start = Stopwatch.GetTimestamp();
            try
            {
                await foreach (var update in client.GetStreamingResponseAsync(SoakScript.Question(number), options, CancellationToken.None))
                {
                    received.Append(update.Text);
                }

                tally.CountAnswer(received.ToString(), expected, 0);
            }
            catch (VllmException exception)
            {
                tally.CountError(exception, received.ToString(), expected, begun.ContainsKey(number));
            }

            slowest.Note(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>At any time one server misbehaves; the others are sound, and it is again before the next one begins.</summary>
    private static async Task<int> TroubleAsync(VllmEmulator[] servers, ConcurrentDictionary<int, bool> begun, CancellationToken end)
    {
        Random random = new(1);
        var troubles = 0;
        while (true)
        {
            var server = servers[random.Next(Servers)];
            var kind = random.Next(3);
            var fault = kind == 0
                ? BeforeAnswers[random.Next(BeforeAnswers.Length)]
                : ServerFault.After(random.Next(1, 6), InAnswers[random.Next(InAnswers.Length)]);
            troubles++;
            if (kind == 2)
            {
                await server.StopAsync();
            }
            else
            {
                server.Reply(request => Answer(server, request, fault, begun));
            }

            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(200, 3_000)), end);
            }
            catch (OperationCanceledException)
            {
            }

            server.Reply(request => Answer(server, request, fault: null));
            if (kind == 2)
            {
                await server.RestartAsync(CancellationToken.None);
            }

            if (end.IsCancellationRequested)
            {
                return troubles;
            }
        }
    }

    private sealed class Slowest
    {
        private readonly Lock _lock = new();

        public double Seconds { get; private set; }

        public void Note(double seconds)
        {
            lock (_lock)
            {
                Seconds = Math.Max(Seconds, seconds);
            }
        }
    }
}
