using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// An image, video or audio recording that belongs to a prompt: its bytes, or an address from which the <em>server</em> fetches it. The prompt
/// contains one placeholder token per item, in the same order. Immutable.
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

    /// <summary>The kind of media.</summary>
    public MediaKind Kind { get; }

    /// <summary>The bytes of the file; empty when <see cref="Uri"/> is set.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>An http or https address; <see langword="null"/> if <see cref="Data"/> is set.</summary>
    public Uri? Uri { get; }

    /// <summary>The media type, for example <c>image/png</c>. Servers determine it from the bytes instead.</summary>
    public string? MediaType { get; }

    /// <summary>Creates an item from the bytes of a file (PNG, JPEG, WebP, MP4 …).</summary>
    /// <exception cref="VllmRequestException"><paramref name="data"/> is empty.</exception>
    public static MediaItem FromBytes(MediaKind kind, ReadOnlyMemory<byte> data, string? mediaType = null) =>
        data.IsEmpty ? throw Bad("A media item must not be empty.") : new(kind, data, null, mediaType);

    /// <summary>
    /// Creates an item from a URI. <c>data:</c> URIs are decoded by the client; <c>http:</c> and <c>https:</c> URIs are passed to the server, which
    /// fetches them with its own network access.
    /// </summary>
    /// <exception cref="VllmRequestException">The scheme is not supported, or the data URI is invalid.</exception>
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
                throw Bad("A file: URI would refer to a file on the server, which is not allowed; load the bytes and use MediaItem.FromBytes.");
            default:
                throw Bad($"The scheme of a media URI must be http, https or data, not '{scheme}'.");
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

    /// <summary>An audio recording.</summary>
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
            throw MediaItem.Bad("A data: URI must contain a comma.");
        }

        var head = uri.AsSpan(5, comma - 5);
        if (!head.EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            throw MediaItem.Bad("Only base64 data: URIs are supported.");
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
            throw MediaItem.Bad("A data: URI contains invalid base64.", exception);
        }
    }
}
