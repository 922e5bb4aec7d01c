using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>
/// The server itself, by its GetTokenizer call (VllmEngine protocol, when it was started from a local model folder). A server that got another
/// model than
/// <paramref name="served"/> in between is a <see cref="VllmModelChangedException"/>: other sources would not fit it either.
/// </summary>
internal sealed class EngineSource(IVllmEngine engine, VllmModelInfo? served, bool needsTokenizer = true) : IModelFileSource
{
    public string Name => "GetTokenizer";

    public async Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken)
    {
        try
        {
            var capabilities = await engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
            if (!capabilities.TokenizerTransfer)
            {
                tried.Add($"{Name}: the server cannot send its tokenizer");
                return null;
            }

            var files = await engine.GetTokenizerBundleAsync(null, served, cancellationToken).ConfigureAwait(false);
            var set = new ModelFileSet(files, $"GetTokenizer of {engine.Endpoint}");
            if (set.HasTokenizer || !needsTokenizer)
            {
                return set;
            }

            tried.Add($"{Name}: the server's archive holds no tokenizer");
        }
        catch (VllmException error) when (error is not (
            VllmProtocolException or VllmModelChangedException or VllmRequestException { Parameter: nameof(VllmConnectionOptions.Endpoints) }))
        {
            tried.Add($"{Name}: {(error.ServerMessage.Length > 0 ? error.ServerMessage : error.Message)}");
        }

        return null;
    }
}
