using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>The normalization rules of a SentencePiece file.</summary>
/// <param name="Map">The character map, or null.</param>
/// <param name="AddsPrefix">Whether a space is added at the start of a text (or, with <paramref name="MarksEnds"/>, at its end).</param>
/// <param name="TrimsBlanks">Whether leading and trailing spaces are removed and consecutive ones are collapsed.</param>
/// <param name="EscapesBlanks">Whether spaces are replaced with U+2581.</param>
/// <param name="MarksEnds">Whether the space is added at the end.</param>
/// <param name="Symbols">The user-defined symbols, which the map does not change, or null.</param>
internal sealed record SentencePieceRules(
    PrecompiledNormalizer? Map,
    bool AddsPrefix = true,
    bool TrimsBlanks = true,
    bool EscapesBlanks = true,
    bool MarksEnds = false,
    TokenTrie? Symbols = null);

/// <summary>The normalization of SentencePiece itself (https://github.com/google/sentencepiece, normalizer.cc).</summary>
internal sealed class SentencePieceNormalizer(SentencePieceRules rules) : Normalizer
{
    private static ReadOnlySpan<byte> Marker => "\u2581"u8;

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        var blank = rules.EscapesBlanks ? Marker : " "u8;
        var first = output.Length;
        var at = SkipBlanks(text, budget);
        if (at == text.Length)
        {
            return true;
        }

        if (rules.AddsPrefix && !rules.MarksEnds)
        {
            // The prefix counts as part of the first character.
            _ = Read(text, at, budget, out var length);
            output.Alignment?.Replace(output.Length, at, at + length);
            output.Append(blank);
        }

        var afterBlank = rules.TrimsBlanks;
        var (lastStart, lastEnd) = (at, text.Length);
        while (at < text.Length)
        {
            var replacement = Read(text, at, budget, out var length);
            replacement = afterBlank ? replacement.TrimStart((byte)' ') : replacement;
            if (!replacement.IsEmpty)
            {
                output.Alignment?.Replace(output.Length, at, at + length);
                Append(replacement, blank, output);
                (lastStart, lastEnd) = (at, at + length);
                afterBlank = rules.TrimsBlanks && replacement[^1] == ' ';
            }

            at += length;
        }

        if (rules.TrimsBlanks)
        {
            while (output.Length - first >= blank.Length && output.Written.EndsWith(blank))
            {
                output.Advance(-blank.Length);
            }
        }

        if (rules.AddsPrefix && rules.MarksEnds)
        {
            output.Alignment?.Replace(output.Length, lastStart, lastEnd);
            output.Append(blank);
        }

        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget) => SkipBlanks(text, budget) > 0;

    /// <summary>Skips leading spaces that are removed.</summary>
    private int SkipBlanks(ReadOnlySpan<byte> text, TextBudget budget)
    {
        var at = 0;
        while (rules.TrimsBlanks && at < text.Length && Read(text, at, budget, out var length) is [(byte)' '])
        {
            at += length;
        }

        return at;
    }

    /// <summary>Gets the normal form of the next characters: an unchanged symbol, the longest entry of the map, or the character itself.</summary>
    private ReadOnlySpan<byte> Read(ReadOnlySpan<byte> text, int at, TextBudget budget, out int length)
    {
        if (rules.Symbols is { } symbols && symbols.Match(text, at, null, out length) >= 0)
        {
            return text.Slice(at, length);
        }

        if (rules.Map is { } map && map.TryFindLongest(text[at..], budget, out length, out var replacement))
        {
            return replacement;
        }

        length = CodePoints.Length(text[at]);
        return text.Slice(at, length);
    }

    private static void Append(ReadOnlySpan<byte> text, ReadOnlySpan<byte> blank, Utf8Buffer output)
    {
        while (text.IndexOf((byte)' ') is >= 0 and var at)
        {
            output.Append(text[..at]);
            output.Append(blank);
            text = text[(at + 1)..];
        }

        output.Append(text);
    }
}
