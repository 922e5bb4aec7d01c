using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Tests.Middleware;

/// <summary>The embedding middleware of Microsoft.Extensions.AI on top of our generator. (Only the VllmEngine protocol has embeddings.)</summary>
public sealed class EmbeddingMiddlewareTests
{
    [Fact]
    public async Task Pipeline_CacheTelemetryAndLogging_AsksForEveryTextOnce()
    {
        using var logs = new ListLoggerFactory();
        await using var server = await StartAsync();
        await using var ours = new VllmEmbeddingGenerator(Served.OptionsFor(server, EmulatedServer.VllmEngine));
        using var generator = ours.AsBuilder()
            .UseLogging(logs)
            .UseOpenTelemetry()
            .UseDistributedCache(new MemoryDistributedCache(new OptionsWrapper<MemoryDistributedCacheOptions>(new MemoryDistributedCacheOptions())))
            .Build();

        var first = await generator.GenerateAsync(["a", "b"], cancellationToken: Served.Cancel);
        var second = await generator.GenerateAsync(["b", "c", "a"], cancellationToken: Served.Cancel);

        Assert.Equal(3, server.Requests.Count(request => request.Method.EndsWith("/Embed", StringComparison.Ordinal)));
        Assert.Equal(first[0].Vector.ToArray(), second[2].Vector.ToArray());
        Assert.Equal(first[1].Vector.ToArray(), second[0].Vector.ToArray());
        Assert.NotEmpty(logs.Entries);
        Assert.Same(ours, generator.GetService<VllmEmbeddingGenerator>());
        Assert.Equal("vllm", generator.GetService<EmbeddingGeneratorMetadata>()!.ProviderName);
    }

    [Fact]
    public async Task Extensions_VectorAndZip_WorkOnOurs()
    {
        await using var server = await StartAsync();
        await using var generator = new VllmEmbeddingGenerator(Served.OptionsFor(server, EmulatedServer.VllmEngine));

        var vector = await generator.GenerateVectorAsync("a", cancellationToken: Served.Cancel);
        var pairs = await generator.GenerateAndZipAsync(["a", "b"], cancellationToken: Served.Cancel);

        Assert.Equal(16, vector.Length);
        Assert.Equal(vector.ToArray(), pairs[0].Embedding.Vector.ToArray());
        Assert.Equal("b", pairs[1].Value);
    }

    private static Task<VllmEmulator> StartAsync() => VllmEmulator.StartAsync(
        new VllmEmulatorOptions { IsEmbeddingModel = true, EmbeddingDimension = 16, ServedModelName = "embedder" }, Served.Cancel);
}
