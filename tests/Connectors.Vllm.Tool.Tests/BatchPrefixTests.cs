using Connectors.Vllm.Emulator;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>What the order by text is worth to a server whose prefix cache holds fewer beginnings than the batch has.</summary>
public sealed class BatchPrefixTests
{
    private const int Documents = 40;
    private const int Questions = 10;

    [Fact]
    public async Task RunBatch_PromptsThatShareBeginnings_FindThemInThePrefixCacheWithTheOrderOnly()
    {
        var without = await CachedShareAsync(prefixWindow: 1);
        var with = await CachedShareAsync(prefixWindow: 1024);
        TestContext.Current.TestOutputHelper?.WriteLine($"cached prompt tokens: {without:P0} as they come, {with:P0} in the order of their text");

        Assert.InRange(without, 0, 0.2);
        Assert.InRange(with, 0.75, 1);
    }

    /// <summary>Ten questions on each of forty documents, as they come: one question for every document, then the next.</summary>
    private static async Task<double> CachedShareAsync(int prefixWindow)
    {
        // 10 documents fit.
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { PrefixCacheBlocks = 10 * 200 / 16, BlockSize = 16 }, TestContext.Current.CancellationToken);
        server.Reply("Yes.");
        using var client = new VllmChatClient(server.Endpoint);
        var requests = Enumerable.Range(0, Questions * Documents).Select(index => new ChatBatchRequest(
            $"{index}", $"{string.Join(' ', Enumerable.Repeat($"Document {index % Documents}.", 30))} Question {index / Documents}?"));
        var progress = new Last();
        var options = new ChatBatchOptions { Parallelism = 4, PrefixWindow = prefixWindow, Progress = progress };
        await foreach (var result in client.RunBatchAsync(requests, options, TestContext.Current.CancellationToken))
        {
            Assert.NotNull(result.Response);
        }

        return (double)progress.Value.CachedInputTokens / progress.Value.InputTokens;
    }

    private sealed class Last : IProgress<ChatBatchProgress>
    {
        public ChatBatchProgress Value { get; private set; }

        public void Report(ChatBatchProgress value) => Value = value;
    }
}
