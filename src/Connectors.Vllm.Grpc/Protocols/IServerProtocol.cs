namespace Connectors.Vllm.Grpc;

/// <summary>One protocol spoken with one server. What a protocol lacks throws <see cref="VllmRequestException"/>.</summary>
internal interface IServerProtocol
{
    VllmProtocol Protocol { get; }

    ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken);

    ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken);

    /// <summary>Largest request message the server takes.</summary>
    int MaxRequestBytes { get; }

    /// <summary>Encodes a request that was checked and filled.</summary>
    GenerationCall Encode(GenerationRequest request, SamplingOptions sampling, string requestId);

    /// <summary>Reads the messages of an answer, one reader per call.</summary>
    GenerationReader CreateReader(GenerationRequest request);

    Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, int? expectedConnections, CancellationToken cancellationToken);

    Task<VllmHealth> HealthAsync(CancellationToken cancellationToken);

    Task AbortAsync(IReadOnlyList<string> requestIds, TimeSpan? timeout, CancellationToken cancellationToken);

    Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken);

    Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken);

    Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<TransferProgress>? progress, int? expectedConnections, CancellationToken cancellationToken);

    Task<IReadOnlyList<LoraAdapterInfo>> ListLorasAsync(CancellationToken cancellationToken);
}
