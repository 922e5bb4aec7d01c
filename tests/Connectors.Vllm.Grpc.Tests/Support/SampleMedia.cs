namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The beginnings of files of each kind, as servers tell kinds apart.</summary>
internal static class SampleMedia
{
    /// <summary>A whole PNG of one pixel.</summary>
    public static readonly byte[] Png =
        Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    public static byte[] Of(MediaKind kind) => kind switch
    {
        MediaKind.Video => [0, 0, 0, 24, .. "ftypmp42"u8, 0, 0, 0, 0, .. "mp42isom"u8],
        MediaKind.Audio => [.. "RIFF"u8, 36, 0, 0, 0, .. "WAVEfmt "u8],
        _ => Png,
    };
}
