using System.Globalization;

namespace Connectors.Vllm.Grpc;

/// <summary>Reads server addresses: http, https, grpc (= http) and grpcs (= https), with or without a scheme.</summary>
internal static class EndpointAddress
{
    public static Uri Parse(string address)
    {
        var text = address.Contains("://", StringComparison.Ordinal) ? address : "http://" + address;
        return Uri.TryCreate(text, UriKind.Absolute, out var uri)
            ? Normalize(uri)
            : throw new ArgumentException($"'{address}' is not a server address; use http://host:port or https://host:port.", nameof(address));
    }

    public static Uri Normalize(Uri endpoint)
    {
        if (!endpoint.IsAbsoluteUri)
        {
            return Parse(endpoint.OriginalString);
        }

        var scheme = endpoint.Scheme switch
        {
            "http" or "grpc" => "http",
            "https" or "grpcs" => "https",
            _ => throw new ArgumentException($"'{endpoint}' is not a server address; use http://host:port or https://host:port.", nameof(endpoint)),
        };
        if (endpoint.AbsolutePath.Length > 1 || endpoint.Query.Length > 0)
        {
            throw new ArgumentException($"'{endpoint}' has a path; a gRPC server address is only http://host:port or https://host:port.", nameof(endpoint));
        }

        return scheme == endpoint.Scheme ? endpoint : new UriBuilder(endpoint) { Scheme = scheme, Port = endpoint.Port }.Uri;
    }

    public static Uri FromEnvironment()
    {
        var host = Environment.GetEnvironmentVariable(VllmConnectionOptions.HostVariable);
        var port = Environment.GetEnvironmentVariable(VllmConnectionOptions.PortVariable);
        if (string.IsNullOrWhiteSpace(port))
        {
            port = "9000";
        }
        else if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw new ArgumentException($"{VllmConnectionOptions.PortVariable} is '{port}', not a port number.");
        }

        host = string.IsNullOrWhiteSpace(host) ? "localhost" : host;
        return Parse(host.Contains("://", StringComparison.Ordinal) ? $"{host.TrimEnd('/')}:{port}" : $"http://{host}:{port}");
    }
}
