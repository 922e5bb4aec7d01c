namespace Connectors.Vllm.Grpc;

// Embeddings, from servers of the VllmEngine protocol that serve an embedding model.
public sealed partial class VllmGrpcClient
{
    /// <summary>Embeds a text, encoded here with the model's special tokens.</summary>
    public Task<EmbeddingResult> EmbedAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _tokenizer.UseAsync(
            (known, token) => Engine.EmbedAsync(_tokenizer.Require(known).Encode(text, addSpecialTokens: true, token), known.Model, token),
            isText: true,
            cancellationToken);
    }

    /// <summary>Embeds prompt ids.</summary>
    public Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        Engine.EmbedAsync(promptIds, cancellationToken: cancellationToken);

    /// <summary>The blocking form of <see cref="EmbedAsync(string, CancellationToken)"/>.</summary>
    public EmbeddingResult Embed(string text, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => EmbedAsync(text, cancellationToken));

    /// <summary>The blocking form of <see cref="EmbedAsync(ReadOnlyMemory{int}, CancellationToken)"/>.</summary>
    public EmbeddingResult Embed(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => EmbedAsync(promptIds, cancellationToken));
}
