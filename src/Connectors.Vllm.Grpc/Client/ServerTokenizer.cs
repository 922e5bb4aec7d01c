using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>The model's tokenizer: given, or loaded from the server's files when first needed and again when the server has another model.</summary>
internal sealed class ServerTokenizer
{
    private readonly IVllmEngine _engine;
    private readonly Tokenizer? _given;
    private CachedLookup<ModelTokenizer> _loaded;

    public ServerTokenizer(IVllmEngine engine, Tokenizer? given)
    {
        _engine = engine;
        _given = given;
        _loaded = new(LoadAsync);
    }

    public async ValueTask<Tokenizer> GetAsync(CancellationToken cancellationToken) =>
        _given ?? (await RequireAsync(cancellationToken).ConfigureAwait(false)).Tokenizer!;

    /// <summary>The tokenizer and its model.</summary>
    public async ValueTask<ModelTokenizer> RequireAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await Volatile.Read(ref _loaded).GetAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException e) when (e is not (VllmConnectionException or VllmTimeoutException or VllmProtocolException or VllmModelChangedException))
        {
            throw new VllmRequestException(
                $"A tokenizer is needed to turn text into tokens or back, and {_engine.Endpoint} does not send its own: {e.Message} Give the client one "
                + "(Tokenizer.FromDirectory of a model folder), or start the server with a local model folder or HF_HUB_OFFLINE=1.",
                e)
            {
                StatusCode = e.StatusCode,
                ServerMessage = e.ServerMessage,
                Method = e.Method,
                Endpoint = _engine.Endpoint,
            };
        }
    }

    /// <summary>The tokenizer and its model, without a tokenizer where the server can send its own text instead.</summary>
    public async ValueTask<ModelTokenizer> FindAsync(CancellationToken cancellationToken)
    {
        if (_given is null)
        {
            var capabilities = await _engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
            if (capabilities.Protocol != VllmProtocol.VllmEngine)
            {
                return new(null, await _engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false));
            }
        }

        return await RequireAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The server has another model than <paramref name="stale"/> belongs to, which is forgotten. True when the request may be made again: its ids mean
    /// the same to the new model, or they are still to be made (<paramref name="isText"/>) with a tokenizer that follows the server.
    /// </summary>
    public bool Renew(ModelTokenizer stale, VllmModelChangedException reason, bool isText)
    {
        var lookup = Volatile.Read(ref _loaded);
        if (lookup.Current == stale)
        {
            Interlocked.CompareExchange(ref _loaded, new(LoadAsync), lookup);
        }

        return (isText && _given is null) || (reason.Model is { } served && ModelMatch.HaveSameTokens(stale.Model, served));
    }

    private async Task<ModelTokenizer> LoadAsync(CancellationToken cancellationToken)
    {
        var model = await _engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        if (_given is not null)
        {
            return new(_given, model);
        }

        var files = await _engine.GetTokenizerBundleAsync(null, model, cancellationToken).ConfigureAwait(false);
        try
        {
            return new(Tokenizer.FromFiles(files), model);
        }
        catch (TokenizerException e)
        {
            throw new VllmProtocolException($"The tokenizer that {_engine.Endpoint} sent cannot be used: {e.Message}", e)
            {
                StatusCode = VllmStatusCode.DataLoss,
                Method = VllmEngineMethods.GetTokenizer,
                Endpoint = _engine.Endpoint,
            };
        }
    }
}

/// <summary>A tokenizer and the model it belongs to; null where the server turns ids into text itself.</summary>
internal sealed record ModelTokenizer(Tokenizer? Tokenizer, VllmModelInfo Model);
