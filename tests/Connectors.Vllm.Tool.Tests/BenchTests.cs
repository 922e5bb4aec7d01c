using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Bench;
using Microsoft.Extensions.AI;

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
}
