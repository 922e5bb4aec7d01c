namespace Connectors.Vllm.Tokenizers;

/// <summary>What post-processing adds around the ids of one text when special tokens are asked for.</summary>
/// <param name="Prefix">Ids before the text.</param>
/// <param name="Suffix">Ids after the text.</param>
internal sealed record SpecialTokenTemplate(int[] Prefix, int[] Suffix)
{
    public static SpecialTokenTemplate None { get; } = new([], []);

    /// <summary>This template's result, wrapped by <paramref name="outer"/>: how a Sequence of post-processors chains.</summary>
    public SpecialTokenTemplate Then(SpecialTokenTemplate outer) => new([.. outer.Prefix, .. Prefix], [.. Suffix, .. outer.Suffix]);
}
