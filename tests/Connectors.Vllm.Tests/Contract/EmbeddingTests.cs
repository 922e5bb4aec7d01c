using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>The embedding generator.</summary>
public sealed class EmbeddingTests
{
    [ContractPoint(50)]
    [Fact]
    public async Task Generate_ManyTexts_KeepsOrderCountUsageDimensionsAndModel()
    {
        await using var server = await StartAsync();
        await using var generator = Connect(server);
        string[] texts = [.. Enumerable.Range(0, 100).Select(number => $"text number {number}")];

        var all = await generator.GenerateAsync(texts, cancellationToken: Served.Cancel);
        var single = (await generator.GenerateAsync([texts[57]], cancellationToken: Served.Cancel))[0];

        Assert.Equal(100, all.Count);
        Assert.All(all, embedding => Assert.Equal((16, "embedder"), (embedding.Dimensions, embedding.ModelId)));
        Assert.Equal(single.Vector.ToArray(), all[57].Vector.ToArray());
        Assert.NotEqual(all[56].Vector.ToArray(), all[57].Vector.ToArray());
        Assert.Equal(texts.Sum(text => server.Tokenizer.Encode(text, addSpecialTokens: true).Length), all.Usage!.InputTokenCount);
        Assert.Equal(all.Usage.InputTokenCount, all.Usage.TotalTokenCount);
        Assert.Equal(16, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions);
    }

    [ContractPoint(50)]
    [Fact]
    public async Task Generate_NoTexts_IsEmptyAndAsksNothing()
    {
        await using var server = await StartAsync();
        await using var generator = Connect(server);

        var none = await generator.GenerateAsync([], cancellationToken: Served.Cancel);

        Assert.Empty(none);
        Assert.Empty(server.Requests);
    }

    [ContractPoint(50)]
    [Fact]
    public async Task Generate_NullInTheList_NamesItsPlaceAndNullListThrows()
    {
        await using var server = await StartAsync();
        await using var generator = Connect(server);

        var error = await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync(["a", null!, "c"], cancellationToken: Served.Cancel));
        Assert.Contains("index 1", error.Message);
        Assert.Equal("values",
            (await Assert.ThrowsAsync<ArgumentNullException>(() => generator.GenerateAsync(null!, cancellationToken: Served.Cancel))).ParamName);
        Assert.Empty(server.Requests);
    }

    [ContractPoint(50)]
    [Fact]
    public async Task Generate_Cancelled_ThrowsWithTheCallersToken()
    {
        await using var server = await StartAsync();
        await using var generator = Connect(server);
        using var source = new CancellationTokenSource();
        server.Reply(new ScriptedReply { Hold = new TaskCompletionSource().Task, DelayBeforeFirstToken = TimeSpan.FromMinutes(1) });
        var call = generator.GenerateAsync(["a", "b"], cancellationToken: source.Token);
        await server.WaitForRequestAsync("Embed", Served.Cancel).WaitAsync(TimeSpan.FromSeconds(20), Served.Cancel);

        await source.CancelAsync();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(TimeSpan.FromSeconds(20), Served.Cancel));
        Assert.Equal(source.Token, error.CancellationToken);
    }

    [Fact]
    public async Task Generate_OtherDimensionsThanTheModels_SaysWhatTheModelHas()
    {
        await using var server = await StartAsync();
        await using var generator = Connect(server);

        var error = await Assert.ThrowsAsync<NotSupportedException>(() =>
            generator.GenerateAsync(["a"], new EmbeddingGenerationOptions { Dimensions = 8 }, Served.Cancel));

        Assert.Contains("16", error.Message);
    }

    [Fact]
    public async Task Generate_ServerOfAGenerationModel_IsARequestError()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Served.Cancel);
        await using var generator = Connect(server);

        await Assert.ThrowsAsync<VllmRequestException>(() => generator.GenerateAsync(["a"], cancellationToken: Served.Cancel));
    }

    [Fact]
    public async Task Generate_OnTheProtocolWithoutEmbeddings_SaysWhichServersHaveThem()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference }, Served.Cancel);
        await using var generator = new VllmEmbeddingGenerator(Served.OptionsFor(server, EmulatedServer.Inference));

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => generator.GenerateAsync(["a"], cancellationToken: Served.Cancel));

        Assert.Contains("--grpc", error.Message);
    }

    [Fact]
    public async Task Dispose_Twice_IsFineAndLaterCallsThrow()
    {
        await using var server = await StartAsync();
        var generator = Connect(server);

        generator.Dispose();
        await generator.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => generator.GenerateAsync(["a"], cancellationToken: Served.Cancel));
    }

    private static Task<VllmEmulator> StartAsync() => VllmEmulator.StartAsync(
        new VllmEmulatorOptions { IsEmbeddingModel = true, EmbeddingDimension = 16, ServedModelName = "embedder" }, Served.Cancel);

    private static VllmEmbeddingGenerator Connect(VllmEmulator server) => new(Served.OptionsFor(server, EmulatedServer.VllmEngine));
}
