namespace Connectors.Vllm.Grpc;

/// <summary>
/// The client side of a protocol for one server. Operations that the protocol does not have throw <see cref="VllmRequestException"/>.
/// </summary>
internal interface IServerProtocol
{
    VllmProtocol Protocol { get; }

    ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken);

    ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken);

    /// <summary>Gets the metadata of a generation.</summary>
    IReadOnlyDictionary<string, string>? GetMetadata(GenerationRequest request);

    /// <summary>Sends a validated request with its defaults applied. Does not wait: a failure is thrown when the call is first read.</summary>
    StreamCall<object> Generate(GenerationRequest request, SamplingOptions sampling, CallContext call, CancellationToken cancellationToken);

    /// <summary>Creates the reader for the messages of an answer; each call needs its own.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxTokens">The requested maximum number of tokens per choice; null for no limit.</param>
    GenerationReader CreateReader(GenerationRequest request, int? maxTokens);

    Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, CallContext call, CancellationToken cancellationToken);

    Task<VllmHealth> HealthAsync(CancellationToken cancellationToken);

    Task AbortAsync(IReadOnlyList<string> requestIds, CallContext call, CancellationToken cancellationToken);

    Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken);

    Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken);

    Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<long>? progress, CallContext call, CancellationToken cancellationToken);

    Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken);
}

internal static class ModelIds
{
    /// <summary>
    /// Gets <c>org/model</c> for a path like <c>…/models--org--model/snapshots/commit</c> (the layout of the Hugging Face cache, which an offline
    /// server reports); any other path is returned unchanged.
    /// </summary>
    public static string FromPath(string path)
    {
        const string Mark = "models--";
        foreach (var part in path.Split('/', '\\'))
        {
            if (part.StartsWith(Mark, StringComparison.Ordinal) && part.Length > Mark.Length)
            {
                return part[Mark.Length..].Replace("--", "/", StringComparison.Ordinal);
            }
        }

        return path;
    }
}
