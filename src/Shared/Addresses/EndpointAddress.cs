using System.Diagnostics.CodeAnalysis;

namespace Connectors.Vllm.Shared;

/// <summary>
/// Reads server addresses: http, https, grpc (= http) and grpcs (= https), with or without a scheme; unix:/path; and any other scheme, which is
/// passed to the channel's resolvers (dns:///host:port).
/// </summary>
internal static class EndpointAddress
{
    /// <exception cref="ArgumentException">The text is not the address of a server; the message says why.</exception>
    public static Uri Parse(string address, string? parameterName = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(address, parameterName);
        return Uri.TryCreate(address, UriKind.RelativeOrAbsolute, out var endpoint)
            ? Normalize(endpoint, parameterName)
            : throw new ArgumentException(NotAnAddress(address), parameterName);
    }

    /// <exception cref="ArgumentException">The URI is not the address of a server; the message says why.</exception>
    public static Uri Normalize(Uri endpoint, string? parameterName = null) =>
        TryNormalize(endpoint, out var address, out var problem) ? address : throw new ArgumentException(problem, parameterName);

    /// <summary>Gets the address in the form that channels accept, or the reason why it is invalid.</summary>
    public static bool TryNormalize(Uri? endpoint, [NotNullWhen(true)] out Uri? address, [NotNullWhen(false)] out string? problem)
    {
        (address, problem) = (null, null);
        var text = endpoint?.OriginalString ?? string.Empty;

        // "host:50051" alone is a relative address, or one with the scheme "host".
        var hasScheme = text.Contains("://", StringComparison.Ordinal) || text.StartsWith("unix:", StringComparison.Ordinal);
        if (!hasScheme)
        {
            _ = Uri.TryCreate("http://" + text, UriKind.Absolute, out address);
        }
        else if (endpoint is { IsAbsoluteUri: true, Scheme: "grpc" or "grpcs" })
        {
            address = new UriBuilder(endpoint) { Scheme = endpoint.Scheme == "grpc" ? "http" : "https", Port = endpoint.Port }.Uri;
        }
        else if (endpoint is { IsAbsoluteUri: true, Scheme: not ("file" or "ftp" or "mailto" or "ws" or "wss") })
        {
            address = endpoint;
        }

        problem = address is null ? NotAnAddress(text)

            // The credentials are secret, so the message does not contain them.
            : address.UserInfo.Length > 0 ? $"The address of {address.Host}:{address.Port} contains a user name or password, which gRPC cannot send; "
                + "use BearerToken, Metadata or CallCredentials."
            : address.Scheme is "http" or "https" && (address.AbsolutePath.Length > 1 || address.Query.Length > 0)
                ? $"'{text}' has a path; a gRPC server address is only http://host:port or https://host:port."
            : !hasScheme && address.IsDefaultPort ? $"'{text}' has no port; use {text}:PORT, or http://{text} for port 80."
            : null;
        address = problem is null ? address : null;
        return problem is null;
    }

    private static string NotAnAddress(string text) =>
        $"'{text}' is not a server address; use http://host:port, https://host:port for TLS, unix:/path or dns:///host:port.";
}
