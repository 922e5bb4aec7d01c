using Google.Protobuf;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Messages whose bytes were worked out by hand from the field tables.</summary>
public sealed class GoldenBytesTests
{
    [Fact]
    public void EngineRequest_AllCommonFields_HasGoldenBytes()
    {
        var request = new GenerationRequest { PromptIds = new[] { 1, 2, 300 }, StopStrings = ["END"] };
        var sampling = new SamplingOptions
        { Temperature = 0, TopP = 1, MaxTokens = 3, SkipSpecialTokens = true, SpacesBetweenSpecialTokens = true, ChoiceCount = 1 };

        AssertBytes(
            "0a 02 72 31 12 06 12 04 01 02 ac 02 22 17 0d 00 00 00 00 15 00 00 80 3f 40 03 52 03 45 4e 44 60 01 68 01 78 01 28 01",
            VllmEngineRequestBuilder.Build(request, sampling, "r1"));
    }

    [Fact]
    public void EngineRequest_TextOnly_HasGoldenBytes() => AssertBytes(
        "0a 02 72 31 1a 02 48 69",
        VllmEngineRequestBuilder.Build(new GenerationRequest { PromptText = "Hi", Stream = false }, SamplingOptions.Default, "r1"));

    [Fact]
    public void InferenceRequest_AllCommonFields_HasGoldenBytes()
    {
        var request = new GenerationRequest { PromptIds = new[] { 1, 2, 300 }, StopStrings = ["END"] };
        var sampling = new SamplingOptions { Temperature = 0.7f, TopK = 20, TopP = 0.5f, Seed = 42, MaxTokens = 3 };

        AssertBytes(
            "0a 02 72 31 22 06 0a 04 01 02 ac 02 2d 33 33 33 3f 32 09 10 14 1d 00 00 00 3f 28 2a 42 07 08 03 22 03 45 4e 44 4a 04 20 00 28 01",
            InferenceRequestBuilder.Build(request, sampling, "r1"));
    }

    [Theory]
    [InlineData("0a 08 0a 02 07 08 10 03 18 02", 0, new[] { 7, 8 }, 3)]
    [InlineData(
        "0a 24 0a 01 07 10 03 18 01 2a 19 0a 04 00 00 00 bf 12 01 07 1a 0e 0a 08 00 00 00 bf 00 00 80 bf 12 02 07 09 38 01", 1, new[] { 7 }, 3)]
    public void EngineReader_Chunk_GivesIdsAndCounts(string hex, int index, int[] ids, int promptTokens)
    {
        var update = new VllmEngineReader(new GenerationRequest { Sampling = new() { ChoiceCount = 2 } }, null).ReadBytes(Bytes(hex))!;

        Assert.Equal(index, update.Index);
        Assert.Equal(ids, update.TokenIds.ToArray());
        Assert.Equal(promptTokens, update.PromptTokens);
        Assert.Null(update.Finish);
    }

    [Fact]
    public void EngineReader_ChunkWithLogprobs_GivesTokenAndCandidates()
    {
        var update = new VllmEngineReader(new GenerationRequest { Sampling = new() { ChoiceCount = 2 } }, null)
            .ReadBytes(Bytes("0a 24 0a 01 07 10 03 18 01 2a 19 0a 04 00 00 00 bf 12 01 07 1a 0e 0a 08 00 00 00 bf 00 00 80 bf 12 02 07 09 38 01"))!;

        var logprob = Assert.Single(update.Logprobs!);
        Assert.Equal((7, -0.5f), (logprob.TokenId, logprob.Logprob));
        Assert.Equal([new(7, -0.5f, null), new(9, -1f, null)], logprob.Alternatives);
    }

    [Fact]
    public void EngineReader_CompleteWithStopString_TellsIt()
    {
        var finish = new VllmEngineReader(new GenerationRequest(), null)
            .ReadBytes(Bytes("12 12 0a 01 09 12 04 73 74 6f 70 18 03 20 01 5a 03 45 4e 44"))!.Finish!;

        Assert.Equal(GenerationFinishReason.Stop, finish.Reason);
        Assert.Equal("END", finish.StopString);
        Assert.Null(finish.StopTokenId);
    }

    [Fact]
    public void EngineReader_CompleteWithStopTokenZero_TellsZero()
    {
        var finish =
            new VllmEngineReader(new GenerationRequest(), null).ReadBytes(Bytes("12 0f 0a 01 00 12 04 73 74 6f 70 18 03 20 01 50 00"))!.Finish!;

        Assert.Equal(0, finish.StopTokenId);
    }

    [Fact]
    public void EngineReader_AbortedComplete_HasNoIds()
    {
        var update = new VllmEngineReader(new GenerationRequest(), null).ReadBytes(Bytes("12 09 12 05 61 62 6f 72 74 18 03"))!;

        Assert.Equal(GenerationFinishReason.Abort, update.Finish!.Reason);
        Assert.True(update.TokenIds.IsEmpty);
        Assert.Equal(3, update.PromptTokens);
    }

    [Fact]
    public void EngineAbort_TwoIds_HasGoldenBytes() =>
        AssertBytes("0a 02 72 31 0a 02 72 32", new Engine.AbortRequest { RequestIds = { "r1", "r2" } });

    [Fact]
    public void EngineHealth_Healthy_HasGoldenBytes() =>
        AssertBytes("08 01 12 06 48 65 61 6c 74 68", new Engine.HealthCheckResponse { Healthy = true, Message = "Health" });

    [Fact]
    public void InferenceReader_WorkedStream_GivesPromptIdsAndFinish()
    {
        var reader = new InferenceReader(new GenerationRequest(), null);
        var prompt = reader.ReadBytes(Bytes("0a 02 08 03"))!;
        var delta = reader.ReadBytes(Bytes("12 06 18 02 22 02 07 08"))!;
        var last = reader.ReadBytes(Bytes("12 0d 18 01 22 01 09 42 06 08 03 10 02 20 09"))!;

        Assert.Equal(3, prompt.PromptTokens);
        Assert.Equal([7, 8], delta.TokenIds.ToArray());
        Assert.Equal([9], last.TokenIds.ToArray());
        Assert.Equal((GenerationFinishReason.Stop, 9, 3), (last.Finish!.Reason, last.Finish.EosTokenId, last.Finish.OutputTokens));
        Assert.True(reader.IsComplete);
    }

    [Fact]
    public void InferenceReader_ServerText_IsGivenWhenAskedFor()
    {
        var update =
            new InferenceReader(new GenerationRequest { IncludeServerText = true }, null).ReadBytes(Bytes("12 09 12 05 48 65 6c 6c 6f 18 01"))!;

        Assert.Equal("Hello", update.Text);
    }

    [Fact]
    public void EngineRequest_Image_HasGoldenBytes()
    {
        var request = new GenerationRequest
        { PromptIds = new[] { 1 }, Stream = false, Media = [MediaItem.FromBytes(MediaKind.Image, new byte[] { 1, 2, 3 }, "image/png")] };

        AssertBytes("0a027231120312010122070d00000000400452200a1e0801121a646174613a696d6167652f706e673b6261736536342c41514944",
            VllmEngineRequestBuilder.Build(request, new SamplingOptions { Temperature = 0, MaxTokens = 4 }, "r1"));
    }

    [Fact]
    public void InferenceRequest_Image_HasGoldenBytes()
    {
        var request = new GenerationRequest
        { PromptIds = new[] { 1 }, Media = [MediaItem.FromBytes(MediaKind.Image, new byte[] { 1, 2, 3 }, "image/png")] };

        AssertBytes(
            "0a027231 2203 0a0101 2d00000000 4202 0804 4a04 20002801 7212 0801 2203010203 2a09 696d6167652f706e67",
            InferenceRequestBuilder.Build(request, new SamplingOptions { Temperature = 0, MaxTokens = 4 }, "r1"));
    }

    internal static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    private static void AssertBytes(string hex, IMessage message) =>
        Assert.Equal(hex.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexStringLower(message.ToByteArray()));
}
