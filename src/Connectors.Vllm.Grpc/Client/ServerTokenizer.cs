using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>The model's tokenizer: given, or loaded from the server's files when first needed.</summary>
internal sealed class ServerTokenizer(IVllmEngine engine, Tokenizer? given)
{
    private readonly CachedLookup<Tokenizer> _loaded = new(async token =>
    {
        var files = await engine.GetTokenizerBundleAsync(null, token).ConfigureAwait(false);
        try
        {
            return Tokenizer.FromFiles(files);
        }
        catch (TokenizerException e)
        {
            throw new VllmProtocolException($"The tokenizer that {engine.Endpoint} sent cannot be used: {e.Message}", e)
            {
                StatusCode = VllmStatusCode.DataLoss,
                Method = EngineMethods.GetTokenizer,
                Endpoint = engine.Endpoint,
            };
        }
    });

    public ValueTask<Tokenizer> GetAsync(CancellationToken cancellationToken) => given is not null ? new(given) : LoadAsync(cancellationToken);

    /// <summary>The tokenizer, or null where the server can send its own text instead.</summary>
    public async ValueTask<Tokenizer?> FindAsync(CancellationToken cancellationToken)
    {
        if (given is not null)
        {
            return given;
        }

        var capabilities = await engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        return capabilities.Protocol == VllmProtocol.Engine ? await LoadAsync(cancellationToken).ConfigureAwait(false) : null;
    }

    private async ValueTask<Tokenizer> LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _loaded.GetAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException e) when (e is not (VllmConnectionException or VllmTimeoutException or VllmProtocolException))
        {
            throw new VllmRequestException(
                $"A tokenizer is needed to turn text into tokens or back, and {engine.Endpoint} does not send its own: {e.Message} Give the client one "
                + "(Tokenizer.FromDirectory of a model folder), or start the server with a local model folder or HF_HUB_OFFLINE=1.",
                e)
            {
                StatusCode = e.StatusCode,
                ServerMessage = e.ServerMessage,
                Method = e.Method,
                Endpoint = engine.Endpoint,
            };
        }
    }
}
