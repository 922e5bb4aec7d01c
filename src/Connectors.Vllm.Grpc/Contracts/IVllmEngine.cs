namespace Connectors.Vllm.Grpc;

/// <summary>
/// A vLLM server, or several that serve the same model, over either protocol: token ids in, token ids out. Created by the <c>CreateEngine</c> methods
/// of <see cref="VllmGrpcClient"/>. Thread-safe. Every method throws <see cref="VllmException"/> or a derived type for failures, and
/// <see cref="OperationCanceledException"/> if the caller cancels.
/// </summary>
public interface IVllmEngine : IAsyncDisposable, IDisposable
{
    /// <summary>The protocol; <see cref="VllmProtocol.Auto"/> until the server has been queried.</summary>
    VllmProtocol Protocol { get; }

    /// <summary>The server's address; the first one if there are several.</summary>
    Uri Endpoint { get; }

    /// <summary>Gets the server's capabilities. They are queried once and cached until a new connection might lead to another process.</summary>
    ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default);

    /// <summary>Gets the served model. It is queried once and cached until a new connection might lead to another process.</summary>
    ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Generates an answer. The request is checked, and sent when the enumeration begins. Ending the enumeration early or cancelling resets the call
    /// and aborts the request on the server. Each choice ends with an update whose <see cref="GenerationUpdate.Finish"/> is set; a stream that ends
    /// without one throws <see cref="VllmProtocolException"/>.
    /// </summary>
    /// <exception cref="VllmRequestException">The request is invalid.</exception>
    /// <exception cref="VllmConstraintException">The constraint failed on the server.</exception>
    /// <exception cref="VllmModelChangedException">The server no longer serves the model for which the prompt was tokenized.</exception>
    IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Embeds a prompt. VllmEngine protocol and embedding models only. <paramref name="preparedFor"/> is the model for which the prompt was
    /// tokenized, as in <see cref="GenerationRequest.PreparedFor"/>; <see langword="null"/> sends to any model.
    /// </summary>
    /// <exception cref="VllmModelChangedException">The server now serves another model.</exception>
    Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, VllmModelInfo? preparedFor = null, CancellationToken cancellationToken = default);

    /// <summary>Gets the server's health. Throws if the server cannot be reached.</summary>
    Task<VllmHealth> HealthAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Gets the health of every endpoint, in the order of <see cref="VllmConnectionOptions.Endpoints"/>. An endpoint that cannot be reached is
    /// reported as unhealthy, with <see cref="VllmHealth.Exception"/> set.
    /// </summary>
    Task<IReadOnlyList<VllmHealth>> GetEndpointHealthAsync(CancellationToken cancellationToken = default);

    /// <summary>Aborts requests by their ids; unknown ids are ignored.</summary>
    Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default);

    /// <summary>Gets information about the server; queried each time.</summary>
    Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default);

    /// <summary>Gets the load, one entry per data-parallel rank. VllmEngine protocol only.</summary>
    Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Gets the tokenizer's files by name (tokenizer.json, tokenizer_config.json, config.json, generation_config.json, templates …), verified against
    /// the archive's SHA-256 and bounded in number and size. VllmEngine protocol only. If <paramref name="model"/> is set, only a server that serves
    /// this model is queried; otherwise any.
    /// </summary>
    /// <param name="progress">Receives the number of bytes transferred so far; <see langword="null"/> reports nothing.</param>
    /// <param name="model">The model whose tokenizer to get; <see langword="null"/> accepts any.</param>
    /// <param name="cancellationToken">Cancels the transfer.</param>
    /// <exception cref="VllmModelChangedException">No server serves that model any longer.</exception>
    /// <exception cref="VllmProtocolException">The archive fails a check.</exception>
    Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<long>? progress = null, VllmModelInfo? model = null, CancellationToken cancellationToken = default);

    /// <summary>Lists the names of the loaded LoRA adapters, for <see cref="GenerationRequest.LoraName"/>. Inference protocol only.</summary>
    Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken = default);
}

/// <summary>The embedding of a prompt.</summary>
/// <param name="Vector">The embedding vector; its length is the model's embedding dimension.</param>
/// <param name="PromptTokens">The length of the prompt in tokens.</param>
public sealed record EmbeddingResult(ReadOnlyMemory<float> Vector, int PromptTokens);
