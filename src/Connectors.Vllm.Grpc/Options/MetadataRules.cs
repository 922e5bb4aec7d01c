namespace Connectors.Vllm.Grpc;

/// <summary>What gRPC metadata may hold (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Custom-Metadata).</summary>
internal static class MetadataRules
{
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
        return value is null || value.AsSpan().ContainsAnyExceptInRange(' ', '~') ? $"The value of the metadata '{name}' holds characters that are not printable ASCII." : null;
    }
}
