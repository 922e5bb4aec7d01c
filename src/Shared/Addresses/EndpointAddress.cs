using System.Diagnostics.CodeAnalysis;

namespace Connectors.Vllm.Shared;

/// <summary>Reads server addresses: http, https, grpc (= http) and grpcs (= https), with or without a scheme.</summary>
internal static class EndpointAddress
{
    /// <exception cref="ArgumentException">The text is not the address of a server; the message says why.</exception>
    public static Uri Parse(string address, string? parameterName = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(address, parameterName);
        var text = address.Contains("://", StringComparison.Ordinal) ? address : "http://" + address;
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) ? Normalize(uri, parameterName) : throw new ArgumentException(NotAnAddress(address), parameterName);
    }

    /// <exception cref="ArgumentException">This is not the address of a server; the message says why.</exception>
    public static Uri Normalize(Uri endpoint, string? parameterName = null) =>
        TryNormalize(endpoint, out var address, out var problem) ? address : throw new ArgumentException(problem, parameterName);

    /// <summary>The address with the scheme http or https, or what is wrong with it.</summary>
    public static bool TryNormalize(Uri? endpoint, [NotNullWhen(true)] out Uri? address, [NotNullWhen(false)] out string? problem)
    {
        (address, problem) = (null, null);

        // "host:50051" alone is a relative address, or one with the scheme "host".
        if (endpoint is not null && !endpoint.OriginalString.Contains("://", StringComparison.Ordinal))
        {
            _ = Uri.TryCreate("http://" + endpoint.OriginalString, UriKind.Absolute, out address);
        }
        else if (endpoint is { IsAbsoluteUri: true, Scheme: "http" or "https" })
        {
            address = endpoint;
        }
        else if (endpoint is { IsAbsoluteUri: true, Scheme: "grpc" or "grpcs" })
        {
            address = new UriBuilder(endpoint) { Scheme = endpoint.Scheme == "grpc" ? "http" : "https", Port = endpoint.Port }.Uri;
        }

        if (address is null)
        {
            problem = NotAnAddress(endpoint?.OriginalString);
        }
        else if (address.AbsolutePath.Length > 1 || address.Query.Length > 0)
        {
            problem = $"'{endpoint}' has a path; a gRPC server address is only http://host:port or https://host:port.";
            address = null;
        }

        return problem is null;
    }

    private static string NotAnAddress(string? text) => $"'{text}' is not a server address; use http://host:port, or https://host:port for TLS.";
}
