using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

public sealed class EmbeddingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Generate_SeveralValues_KeepsOrderCountsAndNames()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { IsEmbeddingModel = true, EmbeddingDimension = 8 }, Token);
        server.Reply(request => new ScriptedReply { Embedding = [request.PromptIds.Count, 0, 0, 0, 0, 0, 0, 0] });
        await using var generator = new VllmEmbeddingGenerator(server.Endpoint);
        string[] texts = ["a", "a b c d e f g", "a b c"];

        var embeddings = await generator.GenerateAsync(texts, cancellationToken: Token);

        int[] lengths = [.. texts.Select(text => server.Tokenizer.Encode(text, addSpecialTokens: true).Length)];
        Assert.Equal(lengths.Select(length => (float)length), embeddings.Select(embedding => embedding.Vector.Span[0]));
        Assert.Equal(lengths.Sum(), embeddings.Usage!.InputTokenCount);
        var metadata = (EmbeddingGeneratorMetadata)generator.GetService(typeof(EmbeddingGeneratorMetadata))!;
        Assert.All(embeddings, embedding => Assert.Equal(metadata.DefaultModelId, embedding.ModelId));
        Assert.Equal(8, metadata.DefaultModelDimensions);
    }

    [Fact]
    public async Task Generate_EmptyInputNullAndOtherDimension_AnswerClearly()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { IsEmbeddingModel = true, EmbeddingDimension = 8 }, Token);
        await using var generator = new VllmEmbeddingGenerator(server.Endpoint);

        Assert.Empty(await generator.GenerateAsync([], cancellationToken: Token));
        await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync(["a", null!], cancellationToken: Token));
        await Assert.ThrowsAsync<NotSupportedException>(
            () => generator.GenerateAsync(["a"], new EmbeddingGenerationOptions { Dimensions = 4 }, Token));
    }

    [Theory]
    [InlineData("\"is_matryoshka\": true", 2, true)]
    [InlineData("\"matryoshka_dimensions\": [2, 3]", 2, true)]
    [InlineData("\"matryoshka_dimensions\": [3]", 2, false)]
    [InlineData("\"is_matryoshka\": true", 5, false)]
    [InlineData("\"is_matryoshka\": false", 2, false)]
    public async Task Generate_FewerDimensions_AreCutAndNormalizedWhereTheModelAllowsIt(string config, int dimensions, bool allowed)
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("matryoshka-").FullName);
        try
        {
            var file = Path.Combine(folder, "config.json");
            var text = await File.ReadAllTextAsync(file, Token);
            await File.WriteAllTextAsync(file, text.TrimEnd()[..^1] + ", " + config + "}", Token);
            await using var server =
                await VllmEmulator.StartAsync(new VllmEmulatorOptions { IsEmbeddingModel = true, ModelDirectory = folder }, Token);
            server.Reply(new ScriptedReply { Embedding = [0.3f, 0.4f, 0.5f, 0.1f] });
            await using var generator = new VllmEmbeddingGenerator(server.Endpoint);

            var call = generator.GenerateAsync(["a"], new EmbeddingGenerationOptions { Dimensions = dimensions }, Token);

            if (allowed)
            {
                Assert.Equal([0.6f, 0.8f], (await call)[0].Vector.ToArray().Select(value => MathF.Round(value, 5)));
            }
            else
            {
                await Assert.ThrowsAsync<NotSupportedException>(() => call);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Generate_Cancelled_ThrowsWithTheToken()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { IsEmbeddingModel = true }, Token);
        await using var generator = new VllmEmbeddingGenerator(server.Endpoint);
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync(["a"], cancellationToken: cancel.Token));

        Assert.Equal(cancel.Token, error.CancellationToken);
    }
}
