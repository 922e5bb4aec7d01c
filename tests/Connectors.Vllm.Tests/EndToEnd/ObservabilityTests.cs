using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
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
    public static TheoryData<VllmServerFamily> Families => Served.Families;

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
        await using Served served = await Served.StartAsync();
        using var parent = new Activity("test").Start();

        await served.AskAsync("Hi");

        Activity prepare = seen.Single(activity => activity.TraceId == parent.TraceId && activity.OperationName == "vllm.prepare");
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
        await using Served served = await Served.StartAsync();

        await served.AskAsync("Hi");
        await foreach (ChatResponseUpdate update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
        {
            break;
        }

        Assert.True(sums[VllmTelemetry.PrepareDuration] > 0);
        Assert.True(sums[VllmTelemetry.TimeToFirstToken] > 0);
        Assert.True(sums[VllmTelemetry.OutputRate] > 0);
        Assert.True(sums[VllmTelemetry.PromptTokens] >= served.Sent.Sum(sent => sent.PromptIds.Count));
        Assert.True(sums[VllmTelemetry.Aborts] >= 1);
    }

    [Fact]
    public async Task Logs_AboveTrace_NeverHoldPromptOrAnswer()
    {
        using var logs = new ListLoggerFactory();
        await using VllmTestServer server = await VllmTestServer.StartAsync(cancellationToken: Served.Cancel);
        await using var client = new VllmChatClient(Served.OptionsFor(server, VllmServerFamily.A), logs);
        server.Reply("secret answer");

        await client.GetResponseAsync("secret question", cancellationToken: Served.Cancel);

        Assert.Contains(logs.Lines, line => line.Level == LogLevel.Information);
        Assert.DoesNotContain(logs.Lines, line => line.Level > LogLevel.Trace && line.Text.Contains("secret", StringComparison.Ordinal));
        Assert.Contains(logs.Lines, line => line.Level == LogLevel.Trace && line.Text.Contains("secret question", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public async Task HealthCheck_ServerUpAndDown_IsTold(VllmServerFamily family)
    {
        await using VllmTestServer server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Family = family }, Served.Cancel);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddKeyedVllmGrpc("main", options =>
        {
            options.Endpoints.Add(server.Endpoint);
            options.Connection.ConnectTimeout = TimeSpan.FromSeconds(5);
            options.Connection.Retry.MaxRetries = 0;
        });
        services.AddHealthChecks().AddVllmGrpc(serviceKey: "main");
        await using ServiceProvider container = services.BuildServiceProvider();
        var health = container.GetRequiredService<HealthCheckService>();

        HealthReport up = await health.CheckHealthAsync(Served.Cancel);
        await server.StopAsync();
        HealthReport down = await health.CheckHealthAsync(Served.Cancel);

        Assert.Equal(HealthStatus.Healthy, up.Entries["vllm:main"].Status);
        Assert.Equal(HealthStatus.Unhealthy, down.Entries["vllm:main"].Status);
        Assert.Contains(server.Endpoint.Port.ToString(), down.Entries["vllm:main"].Description);
    }

    private sealed class ListLoggerFactory : ILoggerFactory
    {
        public ConcurrentBag<(LogLevel Level, string Text)> Lines { get; } = [];

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public ILogger CreateLogger(string categoryName) => new ListLogger(Lines);

        public void Dispose()
        {
        }

        private sealed class ListLogger(ConcurrentBag<(LogLevel Level, string Text)> lines) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                lines.Add((logLevel, formatter(state, exception)));
        }
    }
}
