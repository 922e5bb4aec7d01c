namespace Connectors.Vllm.Grpc;

/// <summary>Embeddings, from servers of the VllmEngine protocol that serve an embedding model.</summary>
public sealed class EmbeddingsResource
{
    private readonly IVllmEngine _engine;
    private readonly ServerTokenizer _tokenizer;

    internal EmbeddingsResource(IVllmEngine engine, ServerTokenizer tokenizer)
    {
        _engine = engine;
        _tokenizer = tokenizer;
    }

    /// <summary>Embeds a text, encoded here with the model's special tokens.</summary>
    public Task<EmbeddingResult> CreateAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _tokenizer.UseAsync(
            (known, token) => _engine.EmbedAsync(_tokenizer.Require(known).Encode(text, addSpecialTokens: true, token), known.Model, token),
            isText: true,
            cancellationToken);
    }

    /// <summary>Embeds prompt ids.</summary>
    public Task<EmbeddingResult> CreateAsync(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        _engine.EmbedAsync(promptIds, cancellationToken: cancellationToken);

    /// <summary>The blocking form of <see cref="CreateAsync(string, CancellationToken)"/>.</summary>
    public EmbeddingResult Create(string text, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => CreateAsync(text, cancellationToken));

    /// <summary>The blocking form of <see cref="CreateAsync(ReadOnlyMemory{int}, CancellationToken)"/>.</summary>
    public EmbeddingResult Create(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => CreateAsync(promptIds, cancellationToken));
}
