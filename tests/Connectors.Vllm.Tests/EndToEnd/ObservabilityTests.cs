using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Traces, measurements, logs and health checks. Other tests run beside, so that only lower bounds are sure.</summary>
public sealed class ObservabilityTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Fact]
    public async Task Activities_OfACall_ArePreparingAndLoading()
    {
        var seen = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == VllmTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = seen.Add,
        };
        ActivitySource.AddActivityListener(listener);
        await using var served = await Served.StartAsync();
        using var parent = new Activity("test").Start();

        await served.AskAsync("Hi");

        var prepare = seen.Single(activity => activity.TraceId == parent.TraceId && activity.OperationName == "vllm.prepare");
        Assert.Equal(served.LastSent.PromptIds.Count, prepare.GetTagItem("vllm.prompt_tokens"));
        Assert.Contains(seen, activity => activity.OperationName == "vllm.load_model");
    }

    [Fact]
    public async Task Measurements_OfACall_AreFirstTokenRatePromptTokensAndAborts()
    {
        var sums = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == VllmTelemetry.MeterName)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => sums.AddOrUpdate(instrument.Name, value, (_, old) => old + value));
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => sums.AddOrUpdate(instrument.Name, value, (_, old) => old + value));
        listener.Start();
        await using var served = await Served.StartAsync();

        await served.AskAsync("Hi");
        await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
        {
            break;
        }

        Assert.True(sums[VllmTelemetry.PrepareDuration] > 0);
        Assert.True(sums[VllmTelemetry.TimeToFirstToken] > 0);
        Assert.True(sums[VllmTelemetry.OutputRate] > 0);
        Assert.True(sums[VllmTelemetry.PromptTokens] >= served.Sent.Sum(sent => sent.PromptIds.Count));
        Assert.True(sums[VllmTelemetry.Aborts] >= 1);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Measurements_OfARetriedCall_CountTheRetry(EmulatedServer protocol)
    {
        long retries = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == VllmTelemetry.MeterName && instrument.Name == VllmTelemetry.Retries)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref retries, value));
        listener.Start();
        await using var served = await Served.StartAsync(
            protocol, client: client => client.Connection.Retry.BaseDelay = TimeSpan.FromMilliseconds(1));
        served.Server.Enqueue(ScriptedReply.Failing(ServerFault.Status(14, "busy")));
        served.Server.Enqueue("Now.");

        var response = await served.AskAsync("Hi");

        Assert.Equal("Now.", response.Text);
        Assert.True(Interlocked.Read(ref retries) >= 1);
    }

    [Fact]
    public async Task Logs_OfAFailedCall_DoNotCallItAbandoned()
    {
        using var logs = new ListLoggerFactory();
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Served.Cancel);
        await using var client = new VllmChatClient(Served.OptionsFor(server, EmulatedServer.VllmEngine), logs);
        server.Enqueue(new ScriptedReply { Text = "One two three", Fault = ServerFault.Status(13, "it broke", afterMessages: 2) });
        await Assert.ThrowsAsync<VllmException>(() => client.GetResponseAsync("Hi", cancellationToken: Served.Cancel));
        Assert.DoesNotContain(logs.Entries, entry => entry.Id.Id == 22);

        await foreach (var update in client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
        {
            break;
        }

        Assert.Contains(logs.Entries, entry => entry.Id.Id == 22);
    }

    [Fact]
    public void LogEvents_OfThisPackage_AreTheDocumentedOnes()
    {
        string[] events =
        [
            .. from method in typeof(Log).GetMethods(BindingFlags.Static | BindingFlags.Public)
               let message = method.GetCustomAttribute<LoggerMessageAttribute>()
               where message is not null
               orderby message.EventId
               select $"| {message.EventId} | {method.Name} | {message.Level} |",
        ];

        Assert.Equal(events, Documentation().Where(line => line.Length > 2 && char.IsAsciiDigit(line[2])));
    }

    [Fact]
    public void Instruments_AndTheirNames_AreTheDocumentedOnes()
    {
        string[] names =
            [.. typeof(VllmTelemetry).GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!)
                .Where(name => name.StartsWith("vllm.", StringComparison.Ordinal)).Order()];

        Assert.Equal(names, Documentation().Where(line => line.StartsWith("| `vllm.client.", StringComparison.Ordinal))
            .Select(line => line.Split('`')[1]).Order());
    }

    private static string[] Documentation() => File.ReadAllLines(Path.Combine(TestPaths.RepositoryRoot, "docs", "telemetry.md"));

    [Fact]
    public async Task Logs_AboveTrace_NeverHoldPromptOrAnswer()
    {
        using var logs = new ListLoggerFactory();
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Served.Cancel);
        await using var client = new VllmChatClient(Served.OptionsFor(server, EmulatedServer.VllmEngine), logs);
        server.Reply("<think>\nsecret thought\n</think>\n\nsecret answer " + TestTools.Hermes("now", "{\"at\": \"secret argument\"}"));
        List<ChatMessage> history =
        [
            new(ChatRole.System, "secret system"),
            new(ChatRole.User, [new TextContent("secret question"), new ErrorContent("secret error")]),
            new(ChatRole.Assistant, [new FunctionCallContent("1", "now", new Dictionary<string, object?> { ["at"] = "secret call" })]),
            new(ChatRole.Tool, [new FunctionResultContent("1", "secret result")]),
        ];

        await client.GetResponseAsync(
            history, new ChatOptions { Tools = [TestTools.Now], Instructions = "secret instructions", ConversationId = "x" }, Served.Cancel);

        // A template that refuses the order of turns and quotes the message it did not like.
        await client.GetResponseAsync(
            [new(ChatRole.User, "secret one"), new(ChatRole.User, "secret two")],
            new ChatOptions
            {
                ChatTemplate =
                    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Not here: ' + m.content) }}{% "
                        + "endif %}{{ m.content }}{% endfor %}",
            },
            Served.Cancel);

        Assert.Contains(logs.Entries, line => line.Level == LogLevel.Information);
        Assert.DoesNotContain(logs.Entries, line => line.Level > LogLevel.Trace && line.Text.Contains("secret", StringComparison.Ordinal));
        Assert.Contains(logs.Entries, line => line.Level == LogLevel.Trace && line.Text.Contains("secret question", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task HealthCheck_ServerUpAndDown_IsTold(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol }, Served.Cancel);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddKeyedVllmGrpc("main", options =>
        {
            options.Endpoints.Add(server.Endpoint);
            options.ModelDirectory = Served.TinyModelFolder;
            options.Connection.ConnectTimeout = TimeSpan.FromSeconds(5);
            options.Connection.Retry.MaxRetries = 0;
        });
        services.AddHealthChecks().AddVllmGrpc(serviceKey: "main");
        await using var container = services.BuildServiceProvider();
        var health = container.GetRequiredService<HealthCheckService>();

        var up = await health.CheckHealthAsync(Served.Cancel);
        await server.StopAsync();
        var down = await health.CheckHealthAsync(Served.Cancel);

        Assert.Equal(HealthStatus.Healthy, up.Entries["vllm:main"].Status);
        Assert.Equal(HealthStatus.Unhealthy, down.Entries["vllm:main"].Status);
        Assert.Contains(server.Endpoint.Port.ToString(), down.Entries["vllm:main"].Description);
    }
}
