namespace Connectors.Vllm.Grpc;

/// <summary>One protocol spoken with one server. What a protocol lacks throws <see cref="VllmRequestException"/>.</summary>
internal interface IServerProtocol
{
    VllmProtocol Protocol { get; }

    ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken);

    ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken);

    /// <summary>The metadata of a generation.</summary>
    IReadOnlyDictionary<string, string>? MetadataOf(GenerationRequest request);

    /// <summary>Sends a request that was checked and filled. Nothing is waited for: what happens to it comes out of the call's first move.</summary>
    StreamCall<object> Generate(GenerationRequest request, SamplingOptions sampling, CallContext call, CancellationToken cancellationToken);

    /// <summary>Reads the messages of an answer, one reader per call.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxTokens">Most tokens that were asked for, per choice; null when the request leaves it open.</param>
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

/// <summary>Readable model ids.</summary>
internal static class ModelIds
{
    /// <summary>
    /// <c>org/model</c> for a path like <c>…/models--org--model/snapshots/commit</c> (the Hugging Face cache layout, which an offline server
    /// reports); anything else as it is.
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
