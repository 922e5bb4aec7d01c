using System.IO.Compression;
using System.Security.Cryptography;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>The tokenizer bundle, prefix cache, choices, ages and media of the VllmEngine protocol.</summary>
public sealed class ServerFactsTests
{
    private const string Service = "/vllm.grpc.engine.VllmEngine/";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(TokenizerBundle.Good)]
    [InlineData(TokenizerBundle.SingleChunk)]
    [InlineData(TokenizerBundle.ManyChunks)]
    public async Task GetTokenizer_GoodBundles_UnpackToTheModelsFiles(TokenizerBundle bundle)
    {
        await using var server = await VllmEmulator.StartAsync(new() { TokenizerBundle = bundle }, Cancel);
        var chunks = await ChunksAsync(server);

        var zip = chunks.SelectMany(chunk => chunk.Data).ToArray();
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(zip)), chunks[^1].Sha256);
        Assert.All(chunks.SkipLast(1), chunk => Assert.Empty(chunk.Sha256));
        using var archive = new ZipArchive(new MemoryStream(zip));
        Assert.Equal(TinyModel.Files.Keys.Order(), archive.Entries.Select(entry => entry.FullName).Order());
        Assert.Equal(bundle == TokenizerBundle.ManyChunks, chunks.Count > 10);
    }

    [Fact]
    public async Task GetTokenizer_BadBundles_AreBadAsNamed()
    {
        Assert.NotEqual(Hash(await ChunksAsync(TokenizerBundle.WrongChecksum)), (await ChunksAsync(TokenizerBundle.WrongChecksum))[^1].Sha256);
        Assert.Equal("", (await ChunksAsync(TokenizerBundle.MissingChecksum))[^1].Sha256);
        Assert.Contains(await EntriesAsync(TokenizerBundle.EscapingNames), entry => entry.FullName.Contains("..", StringComparison.Ordinal));
        Assert.Equal(51, (await EntriesAsync(TokenizerBundle.TooManyEntries)).Count);
        Assert.Equal(100, Assert.Single(await EntriesAsync(TokenizerBundle.LyingSizes)).Length);
        Assert.Empty(await ChunksAsync(TokenizerBundle.Empty));
    }

    [Theory]
    [InlineData(TokenizerBundle.HubId, 13, "No tokenizer files found in connectors-vllm/tiny-chat")]
    [InlineData(TokenizerBundle.NotConfigured, 9, "Tokenizer path is not configured on this server.")]
    [InlineData(TokenizerBundle.Unimplemented, 12, "Method not found!")]
    public async Task GetTokenizer_Refusals_HaveStatusAndText(TokenizerBundle bundle, int status, string detail)
    {
        await using var server = await VllmEmulator.StartAsync(new() { TokenizerBundle = bundle }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);

        var answer = await client.CallAsync(Service + "GetTokenizer", new GetTokenizerRequest(), Cancel);

        Assert.Equal((status, detail), (answer.Status, answer.Detail));
    }

    [Fact]
    public async Task CachedTokens_RepeatedPrompt_AreWholeBlocksAndNeverAll()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(server.Endpoint);
        var forty = Enumerable.Repeat(7u, 40).ToArray();
        var fortyEight = Enumerable.Repeat(7u, 48).ToArray();

        Assert.Equal(0u, await CachedAsync(client, new() { Tokenized = new() { InputIds = { forty } } }));
        Assert.Equal(32u, await CachedAsync(client, new() { Tokenized = new() { InputIds = { forty } } }));
        Assert.Equal(32u, await CachedAsync(client, new() { Tokenized = new() { InputIds = { fortyEight } } }));
        Assert.Equal(32u, await CachedAsync(client, new() { Tokenized = new() { InputIds = { fortyEight } } }));
        Assert.Equal(
            0u, await CachedAsync(client, new() { Tokenized = new() { InputIds = { forty } }, SamplingParams = new() { PromptLogprobs = 0 } }));
    }

    [Fact]
    public async Task Choices_Streamed_InterleaveAndEachCompletes()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10, 11], Alternatives = [new() { Ids = [20] }], ChoiceOrder = [1, 0, 1, 0, 0] });
        using var client = new RawGrpcClient(server.Endpoint);

        var answer =
            await client.CallAsync(Methods.Generate,
                new GenerateRequest { Tokenized = new() { InputIds = { 1 } }, Stream = true, SamplingParams = new() { N = 2 } }, Cancel);

        var messages = answer.Parse(GenerateResponse.Parser);
        var chunks = messages.Where(message => message.ResponseCase == GenerateResponse.ResponseOneofCase.Chunk)
            .Select(message => (message.Chunk.Index, message.Chunk.TokenIds[0]));
        Assert.Equal([(1u, 20u), (0u, 10u), (1u, 3258u), (0u, 11u), (0u, 3258u)], chunks);
        Assert.Equal(
            [1u, 0u], messages.Where(message => message.Complete is not null && message.ResponseCase == GenerateResponse.ResponseOneofCase.Complete)
            .Select(message => message.Complete.Index));
    }

    [Fact]
    public async Task Age_A0_LeavesOutWhatCameLater()
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.VllmEngineFirst }, Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(server.Endpoint);

        var model = (await client.CallAsync(Service + "GetModelInfo", new GetModelInfoRequest(), Cancel)).Parse(GetModelInfoResponse.Parser).Single();
        var info = (await client.CallAsync(Service + "GetServerInfo", new GetServerInfoRequest(), Cancel)).Parse(GetServerInfoResponse.Parser)
            .Single();
        var answer =
            (await client.CallAsync(
                Methods.Generate, new GenerateRequest { Tokenized = new() { InputIds = { 1 } }, SamplingParams = new() { Logprobs = 2, N = 3 } },
                Cancel)).Parse(GenerateResponse.Parser);

        Assert.Equal("", model.ModelType);
        Assert.Equal("vllm-grpc", info.ServerType);
        Assert.Null(Assert.Single(answer).Complete.OutputLogprobs);
    }

    [Fact]
    public async Task SubscribeKvEvents_PromptArrives_SendsItsBlocks()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(server.Endpoint);
        using var events = await client.SendAsync(Service + "SubscribeKvEvents", [], Cancel);
        await using var body = await events.Content.ReadAsStreamAsync(Cancel);

        // The subscription stands once the headers are here; the prompt comes after it.
        await client.CallAsync(
            Methods.Generate, new GenerateRequest { Tokenized = new() { InputIds = { Enumerable.Range(1, 35).Select(id => (uint)id) } } }, Cancel);
        var prefix = new byte[5];
        await body.ReadExactlyAsync(prefix, Cancel);
        var message = new byte[System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(prefix.AsSpan(1))];
        await body.ReadExactlyAsync(message, Cancel);
        var batch = KvEventBatch.Parser.ParseFrom(message);

        Assert.Equal(1ul, batch.SequenceNumber);
        var stored = Assert.Single(batch.Events).Stored;
        Assert.Equal(2, stored.Blocks.Count);
        Assert.Equal(Enumerable.Range(17, 16).Select(id => (uint)id), stored.Blocks[1].TokenIds);
    }

    [Theory]
    [InlineData("", "media_refs[0]: empty url")]
    [InlineData("ftp://x/y.png",
        "media_refs[0]: url scheme 'ftp' is not accepted by this worker (accepted: data,http,https); file:// requires --allowed-local-media-path")]
    [InlineData("data:image/png,abc", "media_refs[0]: Only base64 data URLs are supported for now.")]
    [InlineData("data:image/png;base64,@@@@", "Non-base64 digit found")]
    public async Task Media_BadReferences_AreRefusedInTheServersWords(string url, string detail)
    {
        await using var server = await VllmEmulator.StartAsync(new() { AcceptsMedia = true }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);

        var answer = await client.CallAsync(Methods.Generate, WithMedia(url, 1), Cancel);

        Assert.Equal((3, detail), (answer.Status, answer.Detail));
    }

    [Fact]
    public async Task Media_AnchorsAndProcessorOff_AreChecked()
    {
        await using var on = await VllmEmulator.StartAsync(new() { AcceptsMedia = true, TokensPerImage = 4 }, Cancel);
        await using var off = await VllmEmulator.StartAsync(new() { SupportsVision = true }, Cancel);
        on.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(on.Endpoint);
        using var refusing = new RawGrpcClient(off.Endpoint);
        var anchor = (uint)on.Tokenizer.TokenToId("<|image_pad|>")!.Value;
        const string Png = "data:image/png;base64,iVBORw0KGgo=";

        var fine = await client.CallAsync(Methods.Generate, WithMedia(Png, 1, anchor), Cancel);
        var none = await client.CallAsync(Methods.Generate, WithMedia(Png, 1), Cancel);
        var refused = await refusing.CallAsync(Methods.Generate, WithMedia(Png, anchor), Cancel);

        Assert.Equal(5u, fine.Parse(GenerateResponse.Parser).Single().Complete.PromptTokens);
        Assert.Equal((13, "Failed to apply prompt replacement for mm_items['image'][0]"), (none.Status, none.Detail));
        Assert.Equal(3, refused.Status);
        Assert.StartsWith("media_refs sent but --mm-processor", refused.Detail);
    }

    [Fact]
    public void TinyModel_WriteTo_MakesAFolderTheTokenizerLoads()
    {
        var folder = Directory.CreateTempSubdirectory("tiny-model-").FullName;
        try
        {
            var tokenizer = Tokenizers.VllmTokenizer.FromDirectory(TinyModel.WriteTo(folder));

            foreach (var text in new[] { "Hello, world!", "Grüße aus 東京 🙂", "<think>\nhm</think>", "  two  spaces\n\n" })
            {
                Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
            }

            Assert.Single(tokenizer.Encode("<|im_start|>"));
            Assert.True(tokenizer.Encode("The capital of France is Paris.").Length <= 8);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static GenerateRequest WithMedia(string url, params uint[] ids) => new()
    {
        Tokenized = new() { InputIds = { ids } },
        MediaRefs = new() { Items = { new MediaRef { Modality = Modality.Image, Url = url } } },
    };

    private static async Task<uint> CachedAsync(RawGrpcClient client, GenerateRequest request) =>
        (await client.CallAsync(Methods.Generate, request, Cancel)).Parse(GenerateResponse.Parser).Single().Complete.CachedTokens;

    private static async Task<IReadOnlyList<GetTokenizerChunk>> ChunksAsync(VllmEmulator server)
    {
        using var client = new RawGrpcClient(server.Endpoint);
        return (await client.CallAsync(Service + "GetTokenizer", new GetTokenizerRequest(), Cancel)).Parse(GetTokenizerChunk.Parser);
    }

    private static async Task<IReadOnlyList<GetTokenizerChunk>> ChunksAsync(TokenizerBundle bundle)
    {
        await using var server = await VllmEmulator.StartAsync(new() { TokenizerBundle = bundle }, Cancel);
        return await ChunksAsync(server);
    }

    private static async Task<IReadOnlyList<ZipArchiveEntry>> EntriesAsync(TokenizerBundle bundle)
    {
        var bytes = (await ChunksAsync(bundle)).SelectMany(chunk => chunk.Data).ToArray();
        return new ZipArchive(new MemoryStream(bytes)).Entries;
    }

    private static string Hash(IEnumerable<GetTokenizerChunk> chunks) =>
        Convert.ToHexStringLower(SHA256.HashData(chunks.SelectMany(chunk => chunk.Data).ToArray()));
}
