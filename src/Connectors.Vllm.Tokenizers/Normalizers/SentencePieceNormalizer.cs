using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>What a SentencePiece file says about normalization.</summary>
/// <param name="Map">Characters and what they become, or null.</param>
/// <param name="AddsPrefix">A text begins (or, with <paramref name="MarksEnds"/>, ends) with a blank.</param>
/// <param name="TrimsBlanks">Blanks at the ends go, and several in a row are one.</param>
/// <param name="EscapesBlanks">Blanks are written as U+2581.</param>
/// <param name="MarksEnds">The added blank stands at the end.</param>
/// <param name="Symbols">User-defined symbols, which the map leaves as they are; or null.</param>
internal sealed record SentencePieceRules(
    PrecompiledNormalizer? Map,
    bool AddsPrefix = true,
    bool TrimsBlanks = true,
    bool EscapesBlanks = true,
    bool MarksEnds = false,
    TokenTrie? Symbols = null);

/// <summary>Normalization as SentencePiece does it itself (https://github.com/google/sentencepiece, normalizer.cc).</summary>
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

    /// <summary>Where the text begins that is not left out.</summary>
    private int SkipBlanks(ReadOnlySpan<byte> text, TextBudget budget)
    {
        var at = 0;
        while (rules.TrimsBlanks && at < text.Length && Read(text, at, budget, out var length) is [(byte)' '])
        {
            at += length;
        }

        return at;
    }

    /// <summary>What the next characters become: a symbol stays as it is, then the map's longest entry counts, then the character itself.</summary>
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
