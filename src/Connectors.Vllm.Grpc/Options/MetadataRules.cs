using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>What gRPC metadata may hold (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Custom-Metadata).</summary>
internal static class MetadataRules
{
    /// <summary>An entry that was found right; the bytes of a binary one are given as base64.</summary>
    public static Metadata.Entry ToEntry(string name, string value) =>
        IsBinary(name) && TryDecode(value, out var bytes) ? new(name, bytes) : new(name, value);

    /// <summary>What is wrong with an entry; null when nothing is.</summary>
    public static string? Explain(string name, string? value)
    {
        if (name.Length == 0 || name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase))
        {
            return $"'{name}' is not a metadata name: it is empty or reserved.";
        }

        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.'))
            {
                return $"'{name}' is not a metadata name: use letters, digits, '-', '_' and '.'.";
            }
        }

        // The value itself may be a secret and is not repeated.
        if (IsBinary(name) && (value is null || !TryDecode(value, out _)))
        {
            return $"The value of the metadata '{name}' is not base64, which a name that ends in '-bin' takes.";
        }

        return value is null || value.AsSpan().ContainsAnyExceptInRange(' ', '~') ? $"The value of the metadata '{name}' holds characters "
            + $"that are not printable ASCII." : null;
    }

    private static bool IsBinary(string name) => name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Base64 with or without its padding: senders of gRPC may leave it out.</summary>
    private static bool TryDecode(string value, out byte[] bytes)
    {
        var padded = value.PadRight((value.Length + 3) / 4 * 4, '=');
        bytes = new byte[padded.Length / 4 * 3];
        var isRight = Convert.TryFromBase64String(padded, bytes, out var count);
        bytes = bytes[..(isRight ? count : 0)];
        return isRight;
    }
}
