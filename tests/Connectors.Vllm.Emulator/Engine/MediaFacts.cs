using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>Media placeholders in prompts: their tokens, the number of tokens they expand to, and the maximum per prompt.</summary>
internal static class MediaPlaces
{
    public static string NameOf(MediaKind kind) => kind switch
    {
        MediaKind.Video => "video",
        MediaKind.Audio => "audio",
        _ => "image",
    };

    public static string AnchorOf(this VllmEmulatorOptions options, MediaKind kind) => kind switch
    {
        MediaKind.Video => options.VideoAnchor,
        MediaKind.Audio => options.AudioAnchor,
        _ => options.ImageAnchor,
    };

    public static int TokensOf(this VllmEmulatorOptions options, MediaKind kind) => kind switch
    {
        MediaKind.Video => options.TokensPerVideo,
        MediaKind.Audio => options.TokensPerAudio,
        _ => options.TokensPerImage,
    };

    public static int LimitOf(this VllmEmulatorOptions options, MediaKind kind) => kind switch
    {
        MediaKind.Video => options.MaxVideos,
        MediaKind.Audio => options.MaxAudios,
        _ => options.MaxImages,
    };

    /// <summary>
    /// Replaces the k-th anchor of each kind with the k-th item of that kind. Surplus anchors are kept, as on real servers. Returns the number of
    /// tokens added, or the first kind with too few anchors.
    /// </summary>
    public static (int Extra, MediaKind? Missing, int Anchors, int Items) Place(
        VllmEmulatorOptions options, Func<string, int?> findToken, int[] prompt, IEnumerable<MediaKind> kinds)
    {
        var extra = 0;
        foreach (var group in kinds.GroupBy(kind => kind))
        {
            // A model without such a token has no anchors.
            var anchors = findToken(options.AnchorOf(group.Key)) is { } anchor ? prompt.Count(id => id == anchor) : 0;
            var items = group.Count();
            if (anchors < items)
            {
                return (0, group.Key, anchors, items);
            }

            extra += items * (options.TokensOf(group.Key) - 1);
        }

        return (extra, null, 0, 0);
    }
}

/// <summary>Recognizes media by their first bytes, like the decoders of a real server, without decoding them.</summary>
internal static class MediaBytes
{
    private static readonly byte[] Png = [0x89, (byte)'P', (byte)'N', (byte)'G'];

    /// <summary>Gets the kind of media from its first bytes; null if unknown. RIFF contains images (WebP), videos (AVI) and audio (WAV).</summary>
    public static MediaKind? KindOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith("RIFF"u8) && bytes.Length >= 12)
        {
            return bytes[8..].StartsWith("WAVE"u8) ? MediaKind.Audio : bytes[8..].StartsWith("AVI "u8) ? MediaKind.Video : MediaKind.Image;
        }

        var isImage = bytes.StartsWith(Png) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
            || bytes.StartsWith("GIF8"u8) || bytes.StartsWith("BM"u8) || bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8);
        var isVideo = (bytes.Length > 8 && bytes[4..].StartsWith("ftyp"u8)) || bytes.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3]);
        var isAudio = bytes.StartsWith("OggS"u8) || bytes.StartsWith("ID3"u8) || bytes.StartsWith("fLaC"u8)
            || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFB]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xF1]);
        return isImage ? MediaKind.Image : isVideo ? MediaKind.Video : isAudio ? MediaKind.Audio : null;
    }

    /// <summary>Whether the bytes are a PNG file without its end.</summary>
    public static bool IsTruncated(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith(Png) && bytes.Length > 33 && bytes[12..].StartsWith("IHDR"u8) && bytes.IndexOf("IEND"u8) < 0;
}
