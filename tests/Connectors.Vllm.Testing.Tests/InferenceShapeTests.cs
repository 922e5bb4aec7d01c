using Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Testing.Tests;

public sealed class InferenceShapeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stream_StopString_HoldsTextBackAndCutsIdsBehindTheCompletingToken()
    {
        await using var server = await StartAsync();
        var words = new[] { "ok", " it", " E", "ND", " over" }.SelectMany(word => server.Tokenizer.Encode(word)).ToArray();
        server.Enqueue(new ScriptedReply { Ids = words });
        using var client = new RawGrpcClient(server.Endpoint);

        var answer =
            await client.CallAsync(Methods.InferenceStream, Request(new() { StopStrings = { "END" } }, new() { OutputTokenIds = true }), Cancel);

        var messages = answer.Parse(GenerateResponse.Parser);
        Assert.NotNull(messages[0].PromptInfo);
        Assert.Null(messages[0].Outputs);
        var outputs = messages.Skip(1).Select(message => message.Outputs).ToArray();
        Assert.Equal("ok it ", string.Concat(outputs.Select(output => output.Text)));
        Assert.Equal("", outputs[0].Text);
        var finish = outputs[^1].FinishInfo;
        Assert.Equal("END", finish.StopString);
        Assert.Equal(outputs.Sum(output => output.NumTokens), finish.NumOutputTokens);
        var ids = outputs.SelectMany(output => output.TokenIds).Select(id => (int)id).ToArray();
        Assert.EndsWith("END", server.Tokenizer.Decode(ids));
    }

    [Fact]
    public async Task Stream_IdsAndTextOptions_DecideWhatIsSent()
    {
        await using var server = await StartAsync();
        server.Reply("Hello there");
        using var client = new RawGrpcClient(server.Endpoint);

        var textOnly = (await client.CallAsync(Methods.InferenceGenerate, Request(), Cancel)).Parse(GenerateResponse.Parser).Single();
        var idsOnly =
            (await client.CallAsync(Methods.InferenceGenerate, Request(null, new() { OutputText = false, OutputTokenIds = true }), Cancel)).Parse(
                GenerateResponse.Parser).Single();

        Assert.Equal("Hello there", textOnly.Outputs.Text);
        Assert.Empty(textOnly.Outputs.TokenIds);
        Assert.True(textOnly.Outputs.NumTokens > 1);
        Assert.Equal("", idsOnly.Outputs.Text);
        Assert.Equal(idsOnly.Outputs.NumTokens, (uint)idsOnly.Outputs.TokenIds.Count);
        Assert.Equal((uint)server.Tokenizer.TokenToId("<|im_end|>")!.Value, idsOnly.Outputs.FinishInfo.EosTokenId);
    }

    [Fact]
    public async Task Age_B0_ServesTheOldNameWithoutControl()
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.LegacyInference }, Cancel);
        server.Reply("ok");
        using var client = new RawGrpcClient(server.Endpoint);

        Assert.Equal(0, (await client.CallAsync("/vllm.Generate/Generate", Request(), Cancel)).Status);
        Assert.Equal((12, ""), Ending(await client.CallAsync(Methods.InferenceGenerate, Request(), Cancel)));
        Assert.Equal((12, ""), Ending(await client.CallAsync("/vllm.Control/GetModelInfo", new GetModelInfoRequest(), Cancel)));
    }

    [Theory]
    [InlineData("{\"type\":\"structural_tag\"", 13, "engine failed during generation")]
    [InlineData("", 0, "")]
    public async Task Constraint_BadTagOrBadGrammar_FailsAsTheRealServerDoes(string tag, int status, string detail)
    {
        await using var server = await StartAsync();
        using var client = new RawGrpcClient(server.Endpoint);
        var request = Request(null, new() { OutputTokenIds = true });
        request.Decoding = tag.Length > 0 ? new() { StructuralTag = tag } : new() { Grammar = "root ::= " };

        var answer = await client.CallAsync(Methods.InferenceGenerate, request, Cancel);

        Assert.Equal((status, detail), Ending(answer));
        if (status == 0)
        {
            var output = answer.Parse(GenerateResponse.Parser).Single().Outputs;
            Assert.Equal([output.FinishInfo.EosTokenId], output.TokenIds);
        }
    }

    [Fact]
    public async Task Loras_OnAndOff_AnswerWithTheRightWords()
    {
        await using var without = await StartAsync();
        await using var with = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.Inference, LoraAdapters = ["ad1"] }, Cancel);
        using var plain = new RawGrpcClient(without.Endpoint);
        using var adapted = new RawGrpcClient(with.Endpoint);
        with.Reply("ok");
        var known = Request();
        known.LoraName = "ad1";
        var unknown = Request();
        unknown.LoraName = "x";

        Assert.Equal((9, "engine was not started with LoRA enabled"),
            Ending(await plain.CallAsync("/vllm.Control/ListLoras", new ListLorasRequest(), Cancel)));
        Assert.Equal("ad1", (await adapted.CallAsync("/vllm.Control/ListLoras", new ListLorasRequest(), Cancel)).Parse(ListLorasResponse.Parser)
            .Single().Adapters.Single().LoraName);
        Assert.Equal(0, (await adapted.CallAsync(Methods.InferenceGenerate, known, Cancel)).Status);
        Assert.Equal((5, "LoRA adapter `x` is not loaded"), Ending(await adapted.CallAsync(Methods.InferenceGenerate, unknown, Cancel)));
    }

    [Fact]
    public async Task RequestSize_Above32MiB_IsOutOfRange()
    {
        await using var server = await StartAsync();
        using var client = new RawGrpcClient(server.Endpoint);

        var answer = await client.CallAsync(Methods.InferenceGenerate, new byte[33_554_433], Cancel);

        Assert.Equal((11, "Error, decoded message length too large: found 33554433 bytes, the limit is: 33554432 bytes"), Ending(answer));
    }

    [Fact]
    public async Task Media_GatesAndAnchors_AreChecked()
    {
        await using var server =
            await VllmEmulator.StartAsync(new() { Server = EmulatedServer.Inference, AcceptsMedia = true, TokensPerImage = 4 }, Cancel);
        server.Reply("ok");
        using var client = new RawGrpcClient(server.Endpoint);
        var anchor = (uint)server.Tokenizer.TokenToId("<|image_pad|>")!.Value;
        GenerateRequest WithImage(byte[] bytes, params uint[] ids) => new()
        {
            TokenIds = new() { Ids = { ids } },
            Media = { new MediaItem { Modality = Modality.Image, RawBytes = Google.Protobuf.ByteString.CopyFrom(bytes) } },
        };
        byte[] png = [0x89, (byte)'P', (byte)'N', (byte)'G', 1, 2, 3];

        var fine = await client.CallAsync(Methods.InferenceGenerate, WithImage(png, 1, anchor, 2), Cancel);
        var noAnchor = await client.CallAsync(Methods.InferenceGenerate, WithImage(png, 1, 2), Cancel);
        var noImage = await client.CallAsync(Methods.InferenceGenerate, WithImage([1, 2, 3], anchor), Cancel);

        Assert.Equal(6u, fine.Parse(GenerateResponse.Parser).Single().PromptInfo.NumPromptTokens);
        Assert.Equal(
            (13, "multimodal preprocessing error: placeholder token `<|image_pad|>` was not found in tokenized prompt for 1 remaining `image` item(s)"), Ending(noAnchor));
        Assert.Equal((13, "multimodal preprocessing error: image decode error: The image format could not be determined"), Ending(noImage));
    }

    private static Task<VllmEmulator> StartAsync() => VllmEmulator.StartAsync(new() { Server = EmulatedServer.Inference }, Cancel);

    private static GenerateRequest Request(StoppingCriteria? stopping = null, ResponseOptions? response = null) => new()
    {
        RequestId = "r1",
        TokenIds = new() { Ids = { 1, 2, 3 } },
        Stopping = stopping ?? new(),
        Response = response ?? new(),
    };

    private static (int?, string) Ending(RawAnswer answer) => (answer.Status, answer.Detail);
}
