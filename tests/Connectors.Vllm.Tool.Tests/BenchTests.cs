using System.Net;
using System.Text.Json;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Bench;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tool.Tests;

public sealed class BenchTests
{
    [Fact]
    public void Of_Numbers_InterpolatesLikeNumPy()
    {
        var statistics = Statistics.Of([4, 1, 3, 2]);
        Assert.Equal((2.5, 2.5, 3.7, 3.97), (statistics.Mean, statistics.Median, Math.Round(statistics.P90, 10), Math.Round(statistics.P99, 10)));
        Assert.Equal(default, Statistics.Of([]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.25)]
    [InlineData(4)]
    public void Gaps_AnyBurstiness_HaveMeanAndSpreadOfTheirGammaDistribution(double burstiness)
    {
        var gaps = BenchWorkload.Gaps(10, burstiness, seed: 1).Take(40_000).ToList();
        var mean = gaps.Average();
        var deviation = Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean)));
        Assert.InRange(mean, 0.095, 0.105);
        Assert.InRange(deviation / mean * Math.Sqrt(burstiness), 0.94, 1.06);
    }

    [Fact]
    public async Task Random_Lengths_AreCountedWithTheModelsTokenizer()
    {
        await using var server = await VllmTestServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        var prompts = BenchWorkload.Random(
            new BenchSettings { NumPrompts = 20, InputLength = 100, PrefixLength = 30, OutputLength = 50, RangeRatio = 0.2 }, server.Tokenizer);
        Assert.All(prompts, prompt =>
        {
            Assert.InRange(server.Tokenizer.CountTokens(prompt.Prompt), 100, 152);
            Assert.InRange(prompt.OutputLength, 40, 60);
        });
        Assert.Single(prompts.Select(static prompt => prompt.Prompt[..40]).Distinct());
    }

    [Fact]
    public async Task Run_MostlyGoodServer_CountsFailuresAndGoodput()
    {
        await using var server = await VllmTestServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var client = new VllmChatClient(server.Endpoint);
        var settings = new BenchSettings { Goodput = new Dictionary<string, double> { ["ttft"] = 1e9 } };
        var prompts = Enumerable.Range(0, 10).Select(static index => new BenchPrompt($"Number {index}", 5)).ToList();
        var result = await new BenchRun(client, settings, new ChatOptions()).RunAsync(
            double.PositiveInfinity, prompts, null, TestContext.Current.CancellationToken);
        Assert.Equal((10, 0), (result.Completed, result.Failed));
        Assert.Equal(50, result.OutputTokens);
        Assert.Equal(result.RequestThroughput, result.GoodputOf(settings.Goodput)!.Value, 6);
        Assert.Equal(0, result.GoodputOf(new Dictionary<string, double> { ["ttft"] = -1 }));
    }

    [Fact]
    public async Task Run_ServerGone_ReportsTheError()
    {
        using var client = new VllmChatClient("http://127.0.0.1:1");
        var result = await new BenchRun(client, new BenchSettings(), new ChatOptions()).RunAsync(
            double.PositiveInfinity, [new BenchPrompt("x", 1)], null, TestContext.Current.CancellationToken);
        Assert.Equal((0, 1), (result.Completed, result.Failed));
        Assert.NotEmpty(result.FirstError!);
    }

    [Fact]
    public async Task Bench_GrpcAndHttpSideBySide_MeasuresBothAndDrawsThem()
    {
        using var folder = new TemporaryFolder();
        await using var server = await VllmTestServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using var rival = await StartOpenAIAsync();

        var run = await ToolProcess.RunAsync(
            "bench", "--endpoint", server.Endpoint.ToString(), "--http", rival.Urls.First() + "/v1", "--num-prompts", "4", "--random-input-len", "16",
            "--random-output-len", "3", "--request-rate", "100,inf", "--json", "--plot", folder["latency.svg"]);

        Assert.True(run.ExitCode == 0, run.Error);
        var results = JsonElement.Parse(run.Output).EnumerateArray().ToList();
        Assert.Equal([("HTTP", 2), ("gRPC", 2)], results.CountBy(static result => result.GetProperty("client").GetString()!)
            .Select(static pair => (pair.Key, pair.Value)).OrderBy(static pair => pair.Key, StringComparer.Ordinal));
        Assert.All(results, static result => Assert.Equal(4, result.GetProperty("completed").GetInt32()));
        Assert.Contains("<svg", await File.ReadAllTextAsync(folder["latency.svg"], TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    /// <summary>An OpenAI-compatible server that answers in three pieces.</summary>
    private static async Task<WebApplication> StartOpenAIAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var application = builder.Build();
        application.MapPost("/v1/chat/completions", static async context =>
        {
            const string Head = """{"id":"1","object":"chat.completion.chunk","model":"m","created":1""";
            string[] events =
            [
                .. new[] { "One", " two", " three" }.Select(
                    static text => $$$"""{{{Head}}},"choices":[{"index":0,"delta":{"content":"{{{text}}}"}}]}"""),
                Head + ""","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""",
                Head + ""","choices":[],"usage":{"prompt_tokens":16,"completion_tokens":3,"total_tokens":19}}""",
                "[DONE]",
            ];
            context.Response.ContentType = "text/event-stream";
            foreach (var data in events)
            {
                await context.Response.WriteAsync($"data: {data}\n\n", context.RequestAborted);
            }
        });
        await application.StartAsync(TestContext.Current.CancellationToken);
        return application;
    }
}
