using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>
/// What a server can do with HTTP/2 itself: every answer comes through, or ends in the documented exception, in time; and the client goes on to work
/// with a server that behaves again.
/// </summary>
public sealed class RawFrameTests
{
    private static readonly GenerationRequest Request = new() { PromptIds = new[] { 1, 2, 3 }, Sampling = new SamplingOptions { MaxTokens = 16 } };

    public static TheoryData<string> Legal => [.. RawFrames.Legal.Keys];

    public static TheoryData<string> Broken => [.. RawFrames.Broken.Keys];

    public static TheoryData<string> Endless => [.. RawFrames.Endless.Keys];

    [Theory]
    [MemberData(nameof(Legal))]
    public async Task Generate_UnusualFrames_GiveTheAnswer(string frames)
    {
        await using var server = RawHttp2Server.Start();
        server.Generate = RawFrames.Legal[frames];
        await using var engine = Engines.Create(server.Endpoint);

        var updates = await engine.GenerateAsync(Request).CollectAsync();

        Assert.Equal([7, 8], updates.Ids());
        Assert.Equal(GenerationFinishReason.Stop, updates.Finish().Reason);
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Generate_BrokenFrames_EndInTheDocumentedExceptionAndTheNextRequestWorks(string frames)
    {
        await using var server = RawHttp2Server.Start();
        server.Generate = RawFrames.Broken[frames];
        await using var engine = Engines.Create(server.Endpoint, options => options.BetweenTokensTimeout = TimeSpan.FromSeconds(5));
        await engine.GetModelInfoAsync();

        var exception = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.NotNull(exception.Method);
        Assert.Equal(server.Endpoint.Authority, exception.Endpoint?.Authority);
        Assert.NotEqual(StatusCode.OK, exception.StatusCode);
        server.Generate = stream => stream.AnswerAsync([RawFrames.Chunk, RawFrames.Complete]);
        var updates = await engine.GenerateAsync(Request).CollectAsync();
        Assert.Equal([7, 8], updates.Ids());
    }

    [Theory]
    [MemberData(nameof(Endless))]
    public async Task Generate_FramesWithoutEnd_EndAtTheLimitOfSilence(string frames)
    {
        await using var server = RawHttp2Server.Start();
        server.Generate = RawFrames.Endless[frames];
        await using var engine = Engines.Create(server.Endpoint, options => options.FirstTokenTimeout = TimeSpan.FromMilliseconds(400));
        await engine.GetModelInfoAsync();

        var exception = await Assert.ThrowsAsync<VllmTimeoutException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Equal(VllmTimeoutKind.FirstToken, exception.Kind);
    }
}
