using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>The parts of a <see cref="VllmTokenizer"/>, created by the loaders of all file formats.</summary>
internal sealed record TokenizerDefinition
{
    public required TokenModel Model { get; init; }

    /// <summary>The added tokens with their final ids, in the order of the file.</summary>
    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    public Normalizer? Normalizer { get; init; }

    /// <summary>The general pre-tokenizer; null if text is not split or a <see cref="Scanner"/> is used.</summary>
    public PreTokenizer? PreTokenizer { get; init; }

    /// <summary>The hand-written scanner that implements the pre-tokenizer; only with a model that reads raw bytes.</summary>
    public ScannerKind Scanner { get; init; }

    /// <summary>The kind of decoder.</summary>
    public required DecoderKind DecoderKind { get; init; }

    /// <summary>The general decoder chain, for <see cref="DecoderKind.Chain"/>.</summary>
    public TokenDecoder? Decoder { get; init; }

    /// <summary>Creates a decoder of another kind; null to use <see cref="DecoderKind"/>.</summary>
    public Func<AddedTokenSet, TextDecoder>? CreateDecoder { get; init; }

    /// <summary>Whether the contents of added tokens that are matched in normalized text are already normalized.</summary>
    public bool AddedTokensAreNormalized { get; init; }

    public SpecialTokenTemplate Template { get; init; } = SpecialTokenTemplate.None;

    /// <summary>Whether tokens are bytes and not in the printable alphabet (rank files).</summary>
    public bool TokensAreBytes { get; init; }
}

/// <summary>The ids that post-processing adds around the ids of a text if special tokens are requested.</summary>
/// <param name="Prefix">The ids before the text.</param>
/// <param name="Suffix">The ids after the text.</param>
internal sealed record SpecialTokenTemplate(int[] Prefix, int[] Suffix)
{
    public static SpecialTokenTemplate None { get; } = new([], []);

    /// <summary>Wraps this template in <paramref name="outer"/>, like a Sequence of post-processors.</summary>
    public SpecialTokenTemplate Then(SpecialTokenTemplate outer) => new([.. outer.Prefix, .. Prefix], [.. Suffix, .. outer.Suffix]);
}
