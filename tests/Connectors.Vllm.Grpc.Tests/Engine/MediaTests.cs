using Connectors.Vllm.Testing;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class MediaTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, true, "--mm-processor inprocess")]
    [InlineData(EmulatedServer.VllmEngine, false, "text model")]
    [InlineData(EmulatedServer.Inference, false, "text model")]
    public async Task Generate_ServerWithoutMedia_SaysHowToSwitchThemOn(EmulatedServer protocol, bool multimodal, string cure)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol, SupportsVision = multimodal });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(new GenerationRequest
        {
            PromptIds = new[] { 1 },
            Media = [MediaItem.FromBytes(MediaKind.Image, SampleMedia.Png)],
        }).CollectAsync());

        Assert.Contains(cure, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_TooManyImages_IsRefusedHere()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { AcceptsMedia = true, MaxImages = 1 });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(new GenerationRequest
        {
            PromptIds = new[] { 1 },
            Media = [MediaItem.FromBytes(MediaKind.Image, SampleMedia.Png), MediaItem.FromBytes(MediaKind.Image, SampleMedia.Png)],
        }).CollectAsync());

        Assert.Equal(nameof(GenerationRequest.Media), e.Parameter);
    }

    [Fact]
    public void Build_BytesAndAddresses_TakeTheFormOfTheProtocol()
    {
        var request = new GenerationRequest
        {
            PromptIds = new[] { 1, 2 },
            Media = [MediaItem.FromBytes(MediaKind.Video, new byte[] { 1, 2 }, "video/mp4"),
                MediaItem.FromUri(MediaKind.Image, new Uri("https://example.com/a.png"))],
        };

        var engine = VllmEngineRequestBuilder.Build(request, SamplingOptions.Default, "r").MediaRefs.Items;
        var inference = InferenceRequestBuilder.Build(request, SamplingOptions.Default, "r").Media;

        Assert.Equal((Protocol.Common.Modality.Video, "data:video/mp4;base64,AQI="), (engine[0].Modality, engine[0].Url));
        Assert.Equal("https://example.com/a.png", engine[1].Url);
        Assert.Equal((Inference.Modality.Video, "video/mp4"), (inference[0].Modality, inference[0].MimeType));
        Assert.Equal([1, 2], inference[0].RawBytes.ToByteArray());
        Assert.Equal("https://example.com/a.png", inference[1].Url);
        Assert.All(inference, item => Assert.Equal("", item.Uuid));
    }

    [Theory]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://x/y.png")]
    [InlineData("data:image/png,abc")]
    [InlineData("data:image/png;base64,@@@@")]
    public void FromUri_UnusableAddress_IsRefused(string uri) =>
        Assert.Throws<VllmRequestException>(() => MediaItem.FromUri(MediaKind.Image, new Uri(uri)));

    [Fact]
    public void FromUri_DataAddress_IsDecoded()
    {
        var item = MediaItem.FromUri(MediaKind.Image, new Uri("data:image/png;base64,AQID"));

        Assert.Equal([1, 2, 3], item.Data.ToArray());
        Assert.Equal("image/png", item.MediaType);
        Assert.Null(item.Uri);
    }

    [Fact]
    public async Task Generate_RequestOverTheServersLimit_IsRefusedHere()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, AcceptsMedia = true });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(new GenerationRequest
        {
            PromptIds = new[] { 1 },
            Media = [MediaItem.FromBytes(MediaKind.Image, new byte[33 * 1024 * 1024])],
        }).CollectAsync());

        Assert.Equal(StatusCode.OutOfRange, e.StatusCode);
        Assert.DoesNotContain(server.Requests, request => request.Method.Contains("/Generate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(13, "multimodal preprocessing error: base64 decode error: Invalid symbol 64, offset 0.")]
    [InlineData(13, "Failed to apply prompt replacement for mm_items['image'][0]")]
    public void ToException_BadMediaAsInnerError_IsABadRequest(int code, string text)
    {
        var e = Refused((StatusCode)code, text);

        Assert.Equal(nameof(GenerationRequest.Media), Assert.IsType<VllmRequestException>(e).Parameter);
    }

    [Fact]
    public void ToException_MediaThatCannotBeFetched_IsNotRetryable()
    {
        var e = Refused(StatusCode.Unavailable, "media_refs[0]: fetch failed: No module named 'av'");

        Assert.Equal(nameof(GenerationRequest.Media), Assert.IsType<VllmRequestException>(e).Parameter);
        Assert.False(e.IsRetryable);
    }

    [Fact]
    public void ToException_MediaFaultTrailer_SaysWhoseFaultItIs()
    {
        var client = Refused(StatusCode.InvalidArgument, "media_refs[0] is no picture", new Metadata { { "smg-media-fault", "client" } });
        var passing = Refused(StatusCode.Unavailable, "media_refs[0]: fetch failed: 503", new Metadata { { "smg-media-fault", "transient" } });

        Assert.Equal(nameof(GenerationRequest.Media), Assert.IsType<VllmRequestException>(client).Parameter);
        Assert.True(Assert.IsType<VllmConnectionException>(passing).IsRetryable);
    }

    private static VllmException Refused(StatusCode code, string text, Metadata? trailers = null)
    {
        using var channel = ServerChannel.Create(new Uri("http://x"), new VllmConnectionOptions(), NullLoggerFactory.Instance);
        return ServerErrors.ToException(
            new RpcException(new Status(code, text), trailers ?? []), VllmEngineMethods.Generate.FullName, channel.NewCall("r"));
    }
}
