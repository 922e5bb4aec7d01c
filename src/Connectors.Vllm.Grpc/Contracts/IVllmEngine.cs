namespace Connectors.Vllm.Grpc;

/// <summary>
/// A vLLM server (or several that serve the same model), whichever protocol it speaks: token ids in, token ids out. Created by the
/// <c>CreateEngine</c> methods of <see cref="VllmGrpcClient"/>. Thread-safe. Every method throws <see cref="VllmException"/> (or a derived type) for
/// failures and <see cref="OperationCanceledException"/> for the caller's cancellation.
/// </summary>
public interface IVllmEngine : IAsyncDisposable, IDisposable
{
    /// <summary>The protocol, <see cref="VllmProtocol.Auto"/> until the server was first asked.</summary>
    VllmProtocol Protocol { get; }

    /// <summary>The server's address; with several, the first.</summary>
    Uri Endpoint { get; }

    /// <summary>What the server can do; asked once and remembered until a new connection may lead to another process.</summary>
    ValueTask<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default);

    /// <summary>The served model; asked once and remembered until a new connection may lead to another process.</summary>
    ValueTask<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Generates. The request is checked, then sent when the enumeration begins. Leaving the enumeration early or cancelling resets the
    /// call and aborts the request on the server. Each choice ends with an update that has <see cref="GenerationUpdate.Finish"/>; a
    /// stream that ends without is a <see cref="VllmProtocolException"/>.
    /// </summary>
    /// <exception cref="VllmRequestException">The request is wrong.</exception>
    /// <exception cref="VllmConstraintException">The constraint failed on the server.</exception>
    /// <exception cref="VllmModelChangedException">The server has another model than the one the prompt was made for.</exception>
    IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Embeds a prompt (VllmEngine protocol, embedding models). <paramref name="preparedFor"/> is the model the ids were made for, as
    /// <see cref="GenerationRequest.PreparedFor"/>; null sends to whatever model is there.
    /// </summary>
    /// <exception cref="VllmModelChangedException">The server has another model now.</exception>
    Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, VllmModelInfo? preparedFor = null, CancellationToken cancellationToken = default);

    /// <summary>Asks the server about its health. A server that cannot be reached is an exception.</summary>
    Task<VllmHealth> HealthAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Asks every endpoint about its health, in the order of <see cref="VllmConnectionOptions.Endpoints"/>. An endpoint that cannot be reached is
    /// reported as not healthy, with <see cref="VllmHealth.Exception"/>.
    /// </summary>
    Task<IReadOnlyList<VllmHealth>> GetEndpointHealthAsync(CancellationToken cancellationToken = default);

    /// <summary>Aborts requests by their ids; unknown ids are ignored.</summary>
    Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default);

    /// <summary>Facts about the server; asked each time.</summary>
    Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default);

    /// <summary>Load figures, one entry per data-parallel rank (VllmEngine protocol).</summary>
    Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// The tokenizer's files by name (tokenizer.json, tokenizer_config.json, config.json, generation_config.json, templates …), checked against the
    /// archive's SHA-256 and bounded in number and size (VllmEngine protocol). With <paramref name="model"/> only a server that serves this model is
    /// asked; null asks any of the list.
    /// </summary>
    /// <param name="progress">Receives the number of bytes received so far; null reports nothing.</param>
    /// <param name="model">The model whose tokenizer is wanted; null takes any.</param>
    /// <param name="cancellationToken">Cancels the transfer.</param>
    /// <exception cref="VllmModelChangedException">No server has that model any more.</exception>
    /// <exception cref="VllmProtocolException">The archive fails a check.</exception>
    Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> GetTokenizerBundleAsync(
        IProgress<long>? progress = null, VllmModelInfo? model = null, CancellationToken cancellationToken = default);

    /// <summary>Names of the LoRA adapters that are loaded, for <see cref="GenerationRequest.LoraName"/> (Inference protocol).</summary>
    Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken = default);
}

/// <summary>An embedding of a prompt.</summary>
/// <param name="Vector">The vector, of the model's dimension.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
public sealed record EmbeddingResult(ReadOnlyMemory<float> Vector, int PromptTokens);
