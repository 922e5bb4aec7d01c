using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>What a file loader hands over: everything a <see cref="VllmTokenizer"/> is made of. Loaders of all formats make one of these.</summary>
internal sealed record TokenizerDefinition
{
    public required TokenModel Model { get; init; }

    /// <summary>Added tokens with their final ids, in the order of the file.</summary>
    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    public Normalizer? Normalizer { get; init; }

    /// <summary>The general pre-tokenizer; null when nothing is cut or a <see cref="Scanner"/> does it.</summary>
    public PreTokenizer? PreTokenizer { get; init; }

    /// <summary>The hand-written scanner that stands for the whole pre-tokenizer; only with a model that reads raw bytes.</summary>
    public ScannerKind Scanner { get; init; }

    /// <summary>How ids become text.</summary>
    public required DecoderKind DecoderKind { get; init; }

    /// <summary>The general decoder chain, for <see cref="DecoderKind.Chain"/>.</summary>
    public TokenDecoder? Decoder { get; init; }

    /// <summary>Makes the decoder where none of these kinds is meant; null otherwise.</summary>
    public Func<AddedTokenSet, TextDecoder>? CreateDecoder { get; init; }

    /// <summary>The contents of added tokens that are searched in normalized text are normal forms already.</summary>
    public bool AddedTokensAreNormalized { get; init; }

    public SpecialTokenTemplate Template { get; init; } = SpecialTokenTemplate.None;

    /// <summary>
    /// tiktoken files only: tokens have no printable alphabet, <see cref="Vocabulary.Token"/> are the bytes themselves.
    /// </summary>
    public bool TokensAreBytes { get; init; }
}

/// <summary>What post-processing adds around the ids of one text when special tokens are asked for.</summary>
/// <param name="Prefix">Ids before the text.</param>
/// <param name="Suffix">Ids after the text.</param>
internal sealed record SpecialTokenTemplate(int[] Prefix, int[] Suffix)
{
    public static SpecialTokenTemplate None { get; } = new([], []);

    /// <summary>This template's result, wrapped by <paramref name="outer"/>: how a Sequence of post-processors chains.</summary>
    public SpecialTokenTemplate Then(SpecialTokenTemplate outer) => new([.. outer.Prefix, .. Prefix], [.. Suffix, .. outer.Suffix]);
}
