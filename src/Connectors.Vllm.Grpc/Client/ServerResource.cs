using Connectors.Vllm.Tokenizers;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Queries and operations of a server: its model, tokenizer, health, load and LoRA adapters, and aborting requests by id. Thread-safe.
/// </summary>
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

    /// <summary>Gets the server's capabilities for the model.</summary>
    public Task<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default) =>
        _engine.GetCapabilitiesAsync(cancellationToken).AsTask();

    /// <summary>Gets the model's tokenizer: the one passed to the client, or otherwise the server's.</summary>
    /// <exception cref="VllmRequestException">The client has no tokenizer and the server does not send its own.</exception>
    public Task<VllmTokenizer> GetTokenizerAsync(CancellationToken cancellationToken = default) => _tokenizer.GetAsync(cancellationToken).AsTask();

    /// <summary>Lists the names of the loaded LoRA adapters. Inference protocol only.</summary>
    public Task<IReadOnlyList<string>> ListLorasAsync(CancellationToken cancellationToken = default) =>
        _engine.ListLorasAsync(cancellationToken);

    /// <summary>Gets the server's health as it reports it.</summary>
    public Task<VllmHealth> GetHealthAsync(CancellationToken cancellationToken = default) => _engine.HealthAsync(cancellationToken);

    /// <summary>Gets the server's version and limits, where it reports them.</summary>
    public Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default) => _engine.GetServerInfoAsync(cancellationToken);

    /// <summary>Gets the server's load, one entry per data-parallel rank. VllmEngine protocol only.</summary>
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

/// <summary>A tokenizer and the model it belongs to. The tokenizer is null if none was given and the server returns text instead.</summary>
internal sealed record ModelTokenizer(VllmTokenizer? Tokenizer, VllmModelInfo Model);

/// <summary>
/// The model's tokenizer: the given one, or loaded from the server when first needed, and again if the server serves another model.
/// </summary>
internal sealed class ServerTokenizer
{
    private readonly IVllmEngine _engine;
    private readonly VllmTokenizer? _given;
    private readonly Renewable<ModelTokenizer> _loaded;

    public ServerTokenizer(IVllmEngine engine, VllmTokenizer? given)
    {
        _engine = engine;
        _given = given;
        _loaded = new(LoadAsync);
    }

    public async ValueTask<VllmTokenizer> GetAsync(CancellationToken cancellationToken) =>
        _given ?? Require(await _loaded.GetAsync(cancellationToken).ConfigureAwait(false));

    /// <exception cref="VllmRequestException">There is no tokenizer.</exception>
    public VllmTokenizer Require(ModelTokenizer known) => known.Tokenizer ?? throw Unavailable("the Inference protocol cannot transfer it.", null);

    /// <summary>Runs an operation with the tokenizer, and again with a new one if the server serves another model.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="isText">Whether the input is text, which can be tokenized again for another model.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public Task<T> UseAsync<T>(
        Func<ModelTokenizer, CancellationToken, Task<T>> operation, bool isText, CancellationToken cancellationToken) => _loaded.UseAsync(
        operation,
        (stale, reason) => (isText && _given is null) || (reason.Model is { } served && ModelMatch.HaveSameTokens(stale.Model, served)),
        cancellationToken);

    private async Task<ModelTokenizer> LoadAsync(CancellationToken cancellationToken)
    {
        var model = await _engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        if (_given is not null)
        {
            return new(_given, model);
        }

        var capabilities = await _engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        if (capabilities.Protocol != VllmProtocol.VllmEngine)
        {
            return new(null, model);
        }

        try
        {
            return new(VllmTokenizer.FromFiles(await _engine.GetTokenizerBundleAsync(null, model, cancellationToken).ConfigureAwait(false)), model);
        }
        catch (TokenizerException exception)
        {
            throw new VllmProtocolException($"The tokenizer that {_engine.Endpoint} sent cannot be used: {exception.Message}", exception)
            {
                StatusCode = StatusCode.DataLoss,
                Endpoint = _engine.Endpoint,
            };
        }
        catch (VllmException exception)
            when (exception is not (VllmConnectionException or VllmTimeoutException or VllmProtocolException or VllmModelChangedException))
        {
            throw Unavailable(exception.Message, exception);
        }
    }

    private VllmRequestException Unavailable(string reason, VllmException? exception) => new(
        $"Converting between text and tokens requires a tokenizer, and {_engine.Endpoint} does not send one: {reason} Pass one to the client "
        + "(VllmTokenizer.FromDirectory with a model folder), or start the server with a local model folder or HF_HUB_OFFLINE=1.",
        exception)
    {
        StatusCode = exception?.StatusCode ?? StatusCode.Unimplemented,
        ServerMessage = exception?.ServerMessage ?? string.Empty,
        Method = exception?.Method,
        Endpoint = _engine.Endpoint,
    };
}
