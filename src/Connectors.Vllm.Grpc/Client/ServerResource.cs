using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>What an operator asks of a server: its model, tokenizer, health, load and adapters; and aborting requests by id. Thread-safe.</summary>
public sealed class ServerResource
{
    private readonly IVllmEngine _engine;
    private readonly ServerTokenizer _tokenizer;

    internal ServerResource(IVllmEngine engine, ServerTokenizer tokenizer)
    {
        _engine = engine;
        _tokenizer = tokenizer;
    }

    /// <summary>Gets the served model.</summary>
    public Task<VllmModelInfo> GetModelInfoAsync(CancellationToken cancellationToken = default) =>
        _engine.GetModelInfoAsync(cancellationToken).AsTask();

    /// <summary>Gets what the server can do with the model.</summary>
    public Task<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default) =>
        _engine.GetCapabilitiesAsync(cancellationToken).AsTask();

    /// <summary>Gets the model's tokenizer: the one that was given to the client, otherwise the server's.</summary>
    /// <exception cref="VllmRequestException">None was given and the server does not send its own.</exception>
    public Task<VllmTokenizer> GetTokenizerAsync(CancellationToken cancellationToken = default) => _tokenizer.GetAsync(cancellationToken).AsTask();

    /// <summary>Lists the names of the LoRA adapters that are loaded (Inference protocol).</summary>
    public Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken = default) =>
        _engine.ListLorasAsync(cancellationToken);

    /// <summary>Gets what the server reports of its health.</summary>
    public Task<VllmHealth> GetHealthAsync(CancellationToken cancellationToken = default) => _engine.HealthAsync(cancellationToken);

    /// <summary>Gets the server's version and limits, as far as it reports them.</summary>
    public Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default) => _engine.GetServerInfoAsync(cancellationToken);

    /// <summary>Gets the server's load, one entry per data-parallel rank (VllmEngine protocol).</summary>
    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default) => _engine.GetLoadsAsync(cancellationToken);

    /// <summary>Aborts requests by id; unknown ids are ignored.</summary>
    public Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default) =>
        _engine.AbortAsync(requestIds, cancellationToken);

    /// <summary>The blocking form of <see cref="GetModelInfoAsync"/>.</summary>
    public VllmModelInfo GetModelInfo(CancellationToken cancellationToken = default) => Blocking.Run(() => GetModelInfoAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetCapabilitiesAsync"/>.</summary>
    public VllmCapabilities GetCapabilities(CancellationToken cancellationToken = default) =>
        Blocking.Run(() => GetCapabilitiesAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetTokenizerAsync"/>.</summary>
    public VllmTokenizer GetTokenizer(CancellationToken cancellationToken = default) => Blocking.Run(() => GetTokenizerAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="ListLorasAsync"/>.</summary>
    public IReadOnlyList<string> ListLoras(CancellationToken cancellationToken = default) =>
        Blocking.Run(() => ListLorasAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetHealthAsync"/>.</summary>
    public VllmHealth GetHealth(CancellationToken cancellationToken = default) => Blocking.Run(() => GetHealthAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetServerInfoAsync"/>.</summary>
    public VllmServerInfo GetServerInfo(CancellationToken cancellationToken = default) => Blocking.Run(() => GetServerInfoAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetLoadsAsync"/>.</summary>
    public IReadOnlyList<VllmLoad> GetLoads(CancellationToken cancellationToken = default) => Blocking.Run(() => GetLoadsAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="AbortAsync"/>.</summary>
    public void Abort(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => AbortAsync(requestIds, cancellationToken));
}
