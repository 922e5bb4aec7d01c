using System.Collections.Concurrent;
using System.Diagnostics;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Connectors.Vllm.Tests.Middleware;

/// <summary>The OpenTelemetry and logging clients of Microsoft.Extensions.AI on top of ours, collected by the real OpenTelemetry SDK.</summary>
public sealed class ObservingTests
{
    public static MatrixTheoryData<EmulatedServer, bool> ProtocolsAndStreaming { get; } =
        new([EmulatedServer.VllmEngine, EmulatedServer.Inference], [true, false]);

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Trace_OfACall_HasProviderModelAddressUsageAndOurSpans(EmulatedServer protocol, bool streaming)
    {
        var source = $"test-{Guid.NewGuid():n}";
        var spans = new SpanList();
        using var tracing = Sdk.CreateTracerProviderBuilder().AddSource(source, VllmTelemetry.ActivitySourceName).AddProcessor(spans).Build();
        await using var served = await Served.StartAsync(protocol, server => server.ServedModelName = "served", client => client.ModelId = "served");
        served.Server.Reply(new ScriptedReply { Text = "<think>\nHm.\n</think>\n\nHello.", CachedTokens = 3 });
        using var client = served.Client.AsBuilder().UseOpenTelemetry(sourceName: source).Build();

        var response = await RunAsync(client, new ChatOptions { Temperature = 0.5f, TopK = 4, MaxOutputTokens = 50, Seed = 3 }, streaming);

        var chat = spans.Single(span => span.Source.Name == source);
        Assert.Equal("chat served", chat.DisplayName);
        Assert.Equal("vllm", chat.GetTagItem("gen_ai.provider.name"));
        Assert.Equal("served", chat.GetTagItem("gen_ai.request.model"));
        Assert.Equal("served", chat.GetTagItem("gen_ai.response.model"));
        Assert.Equal(response.ResponseId, chat.GetTagItem("gen_ai.response.id"));
        Assert.Equal(served.Server.Endpoint.Host, chat.GetTagItem("server.address"));
        Assert.Equal(served.Server.Endpoint.Port, chat.GetTagItem("server.port"));
        Assert.Equal(served.LastSent.PromptIds.Count, Convert.ToInt32(chat.GetTagItem("gen_ai.usage.input_tokens")));
        Assert.Equal(3, Convert.ToInt32(chat.GetTagItem("gen_ai.usage.cache_read.input_tokens")));
        Assert.Equal(response.Usage!.ReasoningTokenCount, Convert.ToInt64(chat.GetTagItem("gen_ai.usage.reasoning.output_tokens")));
        Assert.Equal(4, Convert.ToInt32(chat.GetTagItem("gen_ai.request.top_k")));
        Assert.Contains(spans, span => span.OperationName == "vllm.prepare" && span.TraceId == chat.TraceId);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Metrics_OfACall_AreTheMiddlewaresAndOurs(EmulatedServer protocol)
    {
        var source = $"test-{Guid.NewGuid():n}";
        var exporter = new NameExporter();
        using var metering = Sdk.CreateMeterProviderBuilder().AddMeter(source, VllmTelemetry.MeterName)
            .AddReader(new BaseExportingMetricReader(exporter)).Build();
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply("A few words of an answer.");
        using var client = served.Client.AsBuilder().UseOpenTelemetry(sourceName: source).Build();

        await RunAsync(client, new ChatOptions(), streaming: true);
        metering.ForceFlush();

        Assert.Superset(
            new HashSet<string>
            {
                "gen_ai.client.operation.duration", "gen_ai.client.token.usage",
                VllmTelemetry.PrepareDuration, VllmTelemetry.TimeToFirstToken, VllmTelemetry.OutputRate, VllmTelemetry.PromptTokens,
            },
            exporter.Names.ToHashSet());
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Trace_OfAFailedCall_HasTheErrorType(EmulatedServer protocol, bool streaming)
    {
        var source = $"test-{Guid.NewGuid():n}";
        var spans = new SpanList();
        using var tracing = Sdk.CreateTracerProviderBuilder().AddSource(source).AddProcessor(spans).Build();
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(ScriptedReply.Failing(ServerFault.Status(3, "temperature must be sensible")));
        using var client = served.Client.AsBuilder().UseOpenTelemetry(sourceName: source).Build();

        await Assert.ThrowsAsync<VllmRequestException>(() => RunAsync(client, new ChatOptions(), streaming));

        Assert.Equal(typeof(VllmRequestException).FullName, Assert.Single(spans).GetTagItem("error.type"));
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Logging_AtTrace_WritesTheWholeExchangeAsJson(EmulatedServer protocol, bool streaming)
    {
        using var logs = new ListLoggerFactory();
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply("<think>\nHm.\n</think>\n\nHello. " + TestTools.Hermes("now", "{}"));
        using var client = served.Client.AsBuilder().UseLogging(logs).Build();

        await RunAsync(client, new ChatOptions { Tools = [TestTools.Now], Logprobs = 1, MinP = 0.1f }, streaming);

        var all = string.Join('\n', logs.Entries.Select(entry => entry.Text));
        Assert.Contains("min_p", all);
        Assert.Contains("\"reasoning\"", all);
        Assert.Contains("\"functionCall\"", all);
        Assert.DoesNotContain(logs.Entries, entry => entry.Level >= LogLevel.Warning);
    }

    private static async Task<ChatResponse> RunAsync(IChatClient client, ChatOptions options, bool streaming) => streaming
        ? await client.GetStreamingResponseAsync("Hi", options, Served.Cancel).ToChatResponseAsync(Served.Cancel)
        : await client.GetResponseAsync("Hi", options, Served.Cancel);

    private sealed class SpanList : BaseProcessor<Activity>, IEnumerable<Activity>
    {
        private readonly ConcurrentQueue<Activity> _ended = [];

        public override void OnEnd(Activity data) => _ended.Enqueue(data);

        public IEnumerator<Activity> GetEnumerator() => _ended.GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private sealed class NameExporter : BaseExporter<Metric>
    {
        public ConcurrentBag<string> Names { get; } = [];

        public override ExportResult Export(in Batch<Metric> batch)
        {
            foreach (var metric in batch)
            {
                Names.Add(metric.Name);
            }

            return ExportResult.Success;
        }
    }
}
