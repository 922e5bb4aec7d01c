using Connectors.Vllm.Testing;
using Grpc.Core;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Images, videos and sound, each through both protocols: where they go, what is refused and by whom, and how refusals read.</summary>
public sealed class MediaKindTests
{
    // The small model has one anchor of its own; these stand in for the others.
    private const string VideoAnchor = "<tool_response>";
    private const string AudioAnchor = "<think>";

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    public static TheoryData<EmulatedServer, MediaKind> ProtocolsAndKinds
    {
        get
        {
            var data = new TheoryData<EmulatedServer, MediaKind>();
            foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
            {
                foreach (var kind in Enum.GetValues<MediaKind>())
                {
                    data.Add(protocol, kind);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Generate_AllKindsInOnePrompt_TakeThePlacesOfTheirAnchors(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        await using var engine = Engines.Create(server.Endpoint);

        // The order counts within a kind only: the list may be [sound, image, video] while the prompt reads image, video, sound.
        var updates = await engine.GenerateAsync(new GenerationRequest
        {
            PromptIds = new[] { 1, Anchor(server, MediaKind.Image), 2, Anchor(server, MediaKind.Video), Anchor(server, MediaKind.Audio) },
            Media = [Item(MediaKind.Audio), Item(MediaKind.Image), Item(MediaKind.Video)],
        }).CollectAsync();

        Assert.Equal(5 + (4 - 1) + (29 - 1) + (8 - 1), updates.Max(update => update.PromptTokens));
        var sent = server.Requests.Single(request => request.Method.Contains("/Generate", StringComparison.Ordinal));
        if (protocol == EmulatedServer.VllmEngine)
        {
            // The two protocols number video and sound the other way round.
            Assert.Equal([2, 1, 3], sent.As<Engine.GenerateRequest>().MediaRefs.Items.Select(item => (int)item.Modality));
        }
        else
        {
            Assert.Equal([3, 1, 2], sent.As<Inference.GenerateRequest>().Media.Select(item => (int)item.Modality));
            Assert.Equal(SampleMedia.Of(MediaKind.Audio), sent.As<Inference.GenerateRequest>().Media[0].RawBytes.ToByteArray());
        }
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndKinds))]
    public async Task Generate_TooFewAnchors_IsABadRequestThatNamesTheKind(EmulatedServer protocol, MediaKind kind)
    {
        await using var server = await StartAsync(protocol);
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(
            () => engine.GenerateAsync(Request(server, kind, items: 2, anchors: 1)).CollectAsync());

        Assert.Equal((nameof(GenerationRequest.Media), StatusCode.Internal, false), (e.Parameter, e.StatusCode, e.IsRetryable));
        Assert.Equal(
            protocol == EmulatedServer.VllmEngine
                ? $"Failed to apply prompt replacement for mm_items['{Name(kind)}'][1]"
                : $"multimodal preprocessing error: placeholder token `{AnchorText(kind)}` was not found in tokenized prompt for 1 remaining "
                    + $"`{Name(kind)}` item(s)",
            e.ServerMessage);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndKinds))]
    public async Task Generate_MoreItemsThanTheLimit_IsRefusedHereWhereItIsKnown(EmulatedServer protocol, MediaKind kind)
    {
        await using var server = await StartAsync(protocol, options => (options.MaxImages, options.MaxVideos, options.MaxAudios) = (1, 1, 1));
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(
            () => engine.GenerateAsync(Request(server, kind, items: 2, anchors: 2)).CollectAsync());

        Assert.Equal(nameof(GenerationRequest.Media), e.Parameter);
        Assert.Equal(protocol == EmulatedServer.VllmEngine ? "" : $"At most 1 {Name(kind)}(s) may be provided in one prompt.", e.ServerMessage);
        Assert.Equal(protocol == EmulatedServer.VllmEngine
            ? 0
            : 1, server.Requests.Count(request => request.Method.Contains("/Generate", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(MediaKind.Video)]
    [InlineData(MediaKind.Audio)]
    public async Task Generate_KindTheModelDoesNotTake_IsRefusedHere(MediaKind kind)
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine, options => (options.MaxVideos, options.MaxAudios) = (0, 0));
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(Request(server, kind)).CollectAsync());

        Assert.Contains($"not accept media of kind {kind} (it accepts Image)", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Requests, request => request.Method.Contains("/Generate", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndKinds))]
    public async Task Generate_BytesOfAnotherKind_AreNotRetried(EmulatedServer protocol, MediaKind kind)
    {
        await using var server = await StartAsync(protocol);
        await using var engine =
            Engines.Create(server.Endpoint, options => (options.Retry.MaxRetries, options.Retry.BaseDelay) = (3, TimeSpan.FromMilliseconds(1)));
        var other = SampleMedia.Of(kind == MediaKind.Image ? MediaKind.Video : MediaKind.Image);

        var e = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(
            Request(server, kind) with { Media = [MediaItem.FromBytes(kind, other)] }).CollectAsync());

        // The VllmEngine protocol reports a film that does not decode as a fetch that failed, with the code of a passing failure.
        Assert.Equal((protocol, kind) switch
        {
            (EmulatedServer.VllmEngine, MediaKind.Image) => StatusCode.InvalidArgument,
            (EmulatedServer.VllmEngine, _) => StatusCode.Unavailable,
            _ => StatusCode.Internal,
        }, e.StatusCode);
        Assert.False(e.IsRetryable);
        Assert.Equal(nameof(GenerationRequest.Media), Assert.IsType<VllmRequestException>(e).Parameter);
        Assert.Single(server.Requests, request => request.Method.Contains("/Generate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, MediaKind.Audio, "No module named 'av'")]
    [InlineData(EmulatedServer.Inference, MediaKind.Audio, "ffprobe executable not found")]
    [InlineData(EmulatedServer.Inference, MediaKind.Video, "ffmpeg executable not found")]
    public async Task Generate_ServerWithoutTheDecoder_SaysWhatIsMissing(EmulatedServer protocol, MediaKind kind, string missing)
    {
        await using var server = await StartAsync(protocol, options => (options.DecodesVideo, options.DecodesAudio) = (false, false));
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(Request(server, kind)).CollectAsync());

        Assert.Contains(missing, e.Message, StringComparison.Ordinal);
        Assert.False(e.IsRetryable);
    }

    [Fact]
    public async Task Generate_TruncatedImage_IsABadRequestInBothProtocols()
    {
        foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
        {
            await using var server = await StartAsync(protocol);
            await using var engine = Engines.Create(server.Endpoint);

            var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(
                Request(server, MediaKind.Image) with { Media = [MediaItem.FromBytes(MediaKind.Image, SampleMedia.Png.AsMemory(..^12))] })
                .CollectAsync());

            Assert.Equal(nameof(GenerationRequest.Media), e.Parameter);
        }
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Generate_Address_IsFetchedByTheServer(EmulatedServer protocol)
    {
        await using var web = await MediaHttpServer.StartAsync();
        await using var server = await StartAsync(protocol, options => options.FetchesMedia = true);
        await using var engine = Engines.Create(server.Endpoint);

        await engine.GenerateAsync(Request(server, MediaKind.Image) with { Media = [MediaItem.FromUri(MediaKind.Image, web.At("/moved"))] })
            .CollectAsync();

        Assert.Equal(["/moved", "/picture.png"], web.Requests.Select(request => request.Path));
        Assert.All(web.Requests, request => Assert.Equal("vLLM/0.32.0", request.Agent));
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, "/status/404", StatusCode.InvalidArgument, "HTTP 404 error", 1)]
    [InlineData(EmulatedServer.VllmEngine, "/status/500", StatusCode.Unavailable, "media_refs[0]: fetch failed: ", 3)]
    [InlineData(EmulatedServer.VllmEngine, "/slow", StatusCode.Unavailable, "media_refs[0]: fetch failed: ", 3)]
    [InlineData(EmulatedServer.Inference, "/status/404", StatusCode.Internal, "HTTP status client error (404 Not Found) for url (", 1)]
    [InlineData(
        EmulatedServer.Inference, "/status/500", StatusCode.Internal, "HTTP status server error (500 Internal Server Error) for url (", 1)]
    [InlineData(EmulatedServer.Inference, "/slow", StatusCode.Internal, "HTTP error while fetching media", 1)]
    public async Task Generate_FetchFails_IsReportedAndNotRetriedByThisClient(
        EmulatedServer protocol, string path, StatusCode code, string text, int fetches)
    {
        await using var web = await MediaHttpServer.StartAsync();
        await using var server =
            await StartAsync(
                protocol, options => (options.FetchesMedia, options.MediaFetchTimeout) =
                (true, path == "/slow" ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(20)));
        await using var engine =
            Engines.Create(server.Endpoint, options => (options.Retry.MaxRetries, options.Retry.BaseDelay) = (3, TimeSpan.FromMilliseconds(1)));

        var e = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(
            Request(server, MediaKind.Image) with { Media = [MediaItem.FromUri(MediaKind.Image, web.At(path))] }).CollectAsync());

        Assert.Equal((code, false), (e.StatusCode, e.IsRetryable));
        Assert.Contains(text, e.ServerMessage, StringComparison.Ordinal);
        Assert.Equal(fetches, web.Requests.Count);
    }

    [Fact]
    public async Task Generate_DomainThatIsNotAllowed_IsABadRequestAboutMedia()
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine, options => options.AllowedMediaDomains = ["example.com"]);
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(
            Request(server, MediaKind.Image) with { Media = [MediaItem.FromUri(MediaKind.Image, new Uri("http://127.0.0.1/x.png"))] })
            .CollectAsync());

        Assert.Equal("The URL must be from one of the allowed domains: ['example.com']. Input URL domain: 127.0.0.1", e.ServerMessage);
        Assert.Equal(nameof(GenerationRequest.Media), e.Parameter);
    }

    [Fact]
    public async Task Generate_SaturatedMediaWorker_IsRetried()
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine);
        server.Enqueue(ScriptedReply.Failing(ServerFault.Status(14, "worker is saturated: 64 multimodal requests in flight and as many waiting")),
            ScriptedReply.FromIds(10));
        await using var engine =
            Engines.Create(server.Endpoint, options => (options.Retry.MaxRetries, options.Retry.BaseDelay) = (1, TimeSpan.FromMilliseconds(1)));

        var updates = await engine.GenerateAsync(Request(server, MediaKind.Image)).CollectAsync();

        Assert.Equal(10, updates.Ids()[0]);
    }

    [Fact]
    public async Task Generate_ItemOverTheVllmEngineProtocolsCap_IsRefusedByTheServerAboutMedia()
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine);
        await using var engine = Engines.Create(server.Endpoint);
        var large = new byte[(32 << 20) + 1];
        SampleMedia.Png.CopyTo(large, 0);

        // The cap is a setting of that server, so this client does not guess it.
        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(
            Request(server, MediaKind.Image) with { Media = [MediaItem.FromBytes(MediaKind.Image, large)] }).CollectAsync());

        Assert.Contains("inline payload is 33554433 bytes, above the 33554432-byte cap", e.ServerMessage, StringComparison.Ordinal);
        Assert.Equal(nameof(GenerationRequest.Media), e.Parameter);
    }

    private static Task<VllmEmulator> StartAsync(EmulatedServer protocol, Action<VllmEmulatorOptions>? configure = null)
    {
        var options = new VllmEmulatorOptions
        { Server = protocol, AcceptsMedia = true, VideoAnchor = VideoAnchor, AudioAnchor = AudioAnchor, MaxAudios = 9 };
        configure?.Invoke(options);
        return VllmEmulator.StartAsync(options);
    }

    private static GenerationRequest Request(VllmEmulator server, MediaKind kind, int items = 1, int anchors = 1) => new()
    {
        PromptIds = (int[])[1, 2, .. Enumerable.Repeat(Anchor(server, kind), anchors)],
        Media = [.. Enumerable.Range(0, items).Select(_ => Item(kind))],
    };

    private static MediaItem Item(MediaKind kind) => MediaItem.FromBytes(kind, SampleMedia.Of(kind));

    private static int Anchor(VllmEmulator server, MediaKind kind) => server.Tokenizer.TokenToId(AnchorText(kind))!.Value;

    private static string AnchorText(MediaKind kind) => kind switch
    {
        MediaKind.Video => VideoAnchor,
        MediaKind.Audio => AudioAnchor,
        _ => "<|image_pad|>",
    };

    private static string Name(MediaKind kind) => kind.ToString().ToLowerInvariant();
}
