using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>Knows media by their first bytes, as the decoders of a real server do; they are not decoded further.</summary>
internal static class MediaBytes
{
    private static readonly byte[] Png = [0x89, (byte)'P', (byte)'N', (byte)'G'];

    /// <summary>The kind of media these bytes begin; null when they are none. RIFF holds pictures (WebP), films (AVI) and sound (WAV).</summary>
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

    /// <summary>A PNG that has its header and lacks its end.</summary>
    public static bool IsTruncated(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith(Png) && bytes.Length > 33 && bytes[12..].StartsWith("IHDR"u8) && bytes.IndexOf("IEND"u8) < 0;
}
