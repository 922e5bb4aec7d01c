using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>What a SentencePiece file says about normalization.</summary>
/// <param name="Map">Characters and what they become, or null.</param>
/// <param name="AddsPrefix">A text begins (or, with <paramref name="MarksEnds"/>, ends) with a blank.</param>
/// <param name="TrimsBlanks">Blanks at the ends go, and several in a row are one.</param>
/// <param name="EscapesBlanks">Blanks are written as U+2581.</param>
/// <param name="MarksEnds">The added blank stands at the end.</param>
internal sealed record SentencePieceRules(
    PrecompiledNormalizer? Map, bool AddsPrefix = true, bool TrimsBlanks = true, bool EscapesBlanks = true, bool MarksEnds = false);

/// <summary>Normalization as SentencePiece does it itself (https://github.com/google/sentencepiece, normalizer.cc).</summary>
internal sealed class SentencePieceNormalizer(SentencePieceRules rules) : Normalizer
{
    private static ReadOnlySpan<byte> Marker => "\u2581"u8;

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        var blank = rules.EscapesBlanks ? Marker : " "u8;
        var first = output.Length;
        var afterBlank = rules.TrimsBlanks;
        var wantsPrefix = rules.AddsPrefix && !rules.MarksEnds;
        var (lastEnd, lastStart) = (0, 0);
        for (var at = 0; at < text.Length;)
        {
            var length = CodePoints.Length(text[at]);
            var replacement = text.Slice(at, length);
            if (rules.Map is { } map && map.TryFindLongest(text[at..], out var mapped, out var found))
            {
                length = mapped;
                replacement = found;
            }

            if (afterBlank)
            {
                replacement = replacement.TrimStart((byte)' ');
            }

            if (!replacement.IsEmpty)
            {
                output.Alignment?.Replace(output.Length, at, at + length);
                if (wantsPrefix)
                {
                    // The prefix counts as part of the first character.
                    output.Append(blank);
                    wantsPrefix = false;
                }

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

        if (rules.AddsPrefix && rules.MarksEnds && output.Length > first)
        {
            output.Alignment?.Replace(output.Length, lastStart, lastEnd);
            output.Append(blank);
        }

        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget) => rules.TrimsBlanks && text.StartsWith(" "u8);

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
