namespace Connectors.Vllm.Tokenizers;

/// <summary>The switches of a BPE model, as tokenizer.json names them.</summary>
internal sealed record BpeOptions
{
    /// <summary><c>unk_token</c>: stands for characters without a token.</summary>
    public string? UnknownToken { get; init; }

    /// <summary><c>continuing_subword_prefix</c>: before every character of a piece but the first; null when empty.</summary>
    public string? ContinuingSubwordPrefix { get; init; }

    /// <summary><c>end_of_word_suffix</c>: behind the last character of a piece; null when empty.</summary>
    public string? EndOfWordSuffix { get; init; }

    /// <summary><c>fuse_unk</c>: neighbouring unknown characters become one unknown token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary><c>byte_fallback</c>: characters without a token become their bytes' tokens.</summary>
    public bool ByteFallback { get; init; }

    /// <summary><c>ignore_merges</c>: a piece that is a token is that token.</summary>
    public bool IgnoreMerges { get; init; }
}
