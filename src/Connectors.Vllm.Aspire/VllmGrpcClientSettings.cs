using System.Data.Common;

namespace Connectors.Vllm.Aspire;

/// <summary>Settings of one vLLM client, from the connection string and the sections <c>Aspire:Vllm</c> and <c>Aspire:Vllm:NAME</c>.</summary>
public sealed class VllmGrpcClientSettings
{
    /// <summary>The server's address.</summary>
    public Uri? Endpoint { get; set; }

    /// <summary>The model's name; <see langword="null"/> takes what the server serves.</summary>
    public string? Model { get; set; }

    /// <summary>
    /// A folder with the model's tokenizer and template on this machine; <see langword="null"/> takes them from the server or the hub.
    /// </summary>
    public string? ModelDirectory { get; set; }

    /// <summary>Whether no health check is added. Default false.</summary>
    public bool DisableHealthChecks { get; set; }

    /// <summary>Whether no traces are emitted and collected. Default false.</summary>
    public bool DisableTracing { get; set; }

    /// <summary>Whether no metrics are collected. Default false.</summary>
    public bool DisableMetrics { get; set; }

    /// <summary>Reads <c>Endpoint=http://host:port;Model=…;ModelDirectory=…</c>, or an address alone.</summary>
    /// <exception cref="InvalidOperationException">The text is neither.</exception>
    internal void ParseConnectionString(string connectionString, string name)
    {
        if (Uri.TryCreate(connectionString, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
        {
            Endpoint = address;
            return;
        }

        var parts = new DbConnectionStringBuilder();
        try
        {
            parts.ConnectionString = connectionString;
        }
        catch (ArgumentException exception)
        {
            throw Unreadable(exception);
        }

        Endpoint = parts.TryGetValue("Endpoint", out var endpoint) && Uri.TryCreate(endpoint as string, UriKind.Absolute, out address)
            && address.Scheme is "http" or "https"
            ? address
            : throw Unreadable(null);
        Model = parts.TryGetValue("Model", out var model) ? (string)model : Model;
        ModelDirectory = parts.TryGetValue("ModelDirectory", out var directory) ? (string)directory : ModelDirectory;

        InvalidOperationException Unreadable(Exception? inner) => new(
            $"ConnectionStrings:{name} is not the address of a vLLM server: write Endpoint=http://host:port;Model=NAME, or http://host:port alone.",
            inner);
    }
}
