namespace Connectors.Vllm.Grpc;

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
        catch (FormatException e)
        {
            throw MediaItem.Bad("A data: address holds invalid base64.", e);
        }
    }
}
