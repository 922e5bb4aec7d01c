using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// One image, video or sound recording that belongs to a prompt: bytes, or the address of something that the <em>server</em> fetches.
/// The prompt holds one unexpanded anchor token per item, in the same order. Immutable.
/// </summary>
public sealed class MediaItem
{
    private MediaItem(MediaKind kind, ReadOnlyMemory<byte> data, Uri? uri, string? mediaType)
    {
        Kind = kind;
        Data = data;
        Uri = uri;
        MediaType = mediaType;
    }

    /// <summary>The kind.</summary>
    public MediaKind Kind { get; }

    /// <summary>The bytes of the file; empty when <see cref="Uri"/> is set.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>An http or https address; null when the bytes are here.</summary>
    public Uri? Uri { get; }

    /// <summary>The media type, e.g. <c>image/png</c>; servers look at the bytes instead.</summary>
    public string? MediaType { get; }

    /// <summary>An item from the bytes of a file (PNG, JPEG, WebP, MP4 …).</summary>
    /// <exception cref="VllmRequestException">There are no bytes.</exception>
    public static MediaItem FromBytes(MediaKind kind, ReadOnlyMemory<byte> data, string? mediaType = null) =>
        data.IsEmpty ? throw Bad("A media item has no bytes.") : new(kind, data, null, mediaType);

    /// <summary>
    /// An item from an address. <c>data:</c> addresses are decoded here; <c>http:</c> and <c>https:</c> are handed to the server,
    /// which fetches them from where it stands, with its own network access.
    /// </summary>
    /// <exception cref="VllmRequestException">Another scheme, or a data URI that does not decode.</exception>
    public static MediaItem FromUri(MediaKind kind, Uri uri, string? mediaType = null)
    {
        ArgumentNullException.ThrowIfNull(uri);
        var scheme = uri.IsAbsoluteUri ? uri.Scheme : "none";
        switch (scheme)
        {
            case "http" or "https":
                return new(kind, default, uri, mediaType);
            case "data":
                var (data, type) = DataUri.Decode(uri.OriginalString);
                return FromBytes(kind, data, mediaType ?? type);
            case "file":
                throw Bad("A file: address names a file of the server, which is not allowed; load the bytes and use MediaItem.FromBytes.");
            default:
                throw Bad($"A media address must be http, https or data, not '{scheme}'.");
        }
    }

    internal static VllmRequestException Bad(string message, Exception? inner = null) =>
        new(message, inner) { StatusCode = StatusCode.InvalidArgument, Parameter = nameof(GenerationRequest.Media) };
}

/// <summary>Kinds of media.</summary>
public enum MediaKind
{
    /// <summary>A still image.</summary>
    Image = 0,

    /// <summary>A video.</summary>
    Video = 1,

    /// <summary>A sound recording.</summary>
    Audio = 2,
}

/// <summary>Reads base64 <c>data:</c> URIs (RFC 2397).</summary>
internal static class DataUri
{
    public static (byte[] Data, string? MediaType) Decode(string uri)
    {
        var comma = uri.IndexOf(',', StringComparison.Ordinal);
        if (comma < 0 || !uri.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            throw MediaItem.Bad("A data: address has no comma.");
        }

        var head = uri.AsSpan(5, comma - 5);
        if (!head.EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            throw MediaItem.Bad("Only base64 data: addresses are supported.");
        }

        var type = head[..^7];
        var semicolon = type.IndexOf(';');
        var mediaType = (semicolon < 0 ? type : type[..semicolon]).ToString();
        var text = uri.AsSpan(comma + 1);
        try
        {
            var data = Convert.FromBase64String(text.Contains('%') ? Uri.UnescapeDataString(text.ToString()) : text.ToString());
            return (data, mediaType.Length == 0 ? null : mediaType);
        }
        catch (FormatException exception)
        {
            throw MediaItem.Bad("A data: address holds invalid base64.", exception);
        }
    }
}
