namespace Connectors.Vllm.Testing.Engine;

/// <summary>Knows media by their first bytes.</summary>
internal static class ImageBytes
{
    public static bool LooksLikeMedia(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G'])
        || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || bytes.StartsWith("GIF8"u8) || bytes.StartsWith("RIFF"u8) || bytes.StartsWith("BM"u8)
        || bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8)
        || (bytes.Length > 8 && bytes[4..].StartsWith("ftyp"u8))
        || bytes.StartsWith("OggS"u8) || bytes.StartsWith("ID3"u8) || bytes.StartsWith("fLaC"u8);
}
