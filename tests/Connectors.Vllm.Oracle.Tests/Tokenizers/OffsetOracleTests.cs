using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Oracle.Tests.Tokenizers.Components;
using Connectors.Vllm.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>Where tokens stand in the text, beside the reference's offsets.</summary>
public sealed class OffsetOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    [Theory]
    [MemberData(nameof(TokenizerFixtures.All), MemberType = typeof(TokenizerFixtures))]
    public void EncodeToTokens_HardStrings_OffsetsEqualReference(string fixture)
    {
        var (tokenizer, path) = TokenizerFixtures.Load(fixture);
        oracle.Load(path);
        var added = tokenizer.AddedTokens.Select(token => token.Content).ToList();
        var texts = new HardStrings(20271, added).Take(HardStrings.Share(8))
            .Select(text => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))).ToList();
        var (_, spans) = oracle.EncodeWithSpans(texts);
        var json = JsonNode.Parse(File.ReadAllBytes(path))!;
        var processing = $"{json["normalizer"]?.ToJsonString()} {json["post_processor"]?.ToJsonString()}";
        var trims = processing.Contains("\"trim_offsets\":true", StringComparison.Ordinal);
        var expected = texts.Select((text, i) => Expected(text, spans[i])).ToList();

        // The reference counts a composed character as the first of the characters it was made of; here it covers all of them, so that a text cut at
        // offsets loses nothing. So where a file's normalizer may have something to compose, only that much more is covered.
        var hasForms = processing.Contains("\"NF", StringComparison.Ordinal) || processing.Contains("Bert", StringComparison.Ordinal);
        var composes = texts.Where(text => hasForms && text.EnumerateRunes().Any(IsJoined)).ToHashSet();
        Differences.AssertNone(
            texts,
            texts.Select((text, i) => composes.Contains(text) ? Widen(text, expected[i]) : expected[i]).ToList(),
            text => composes.Contains(text) ? Widen(text, Ours(tokenizer, text, trims)) : Ours(tokenizer, text, trims),
            offsets => offsets);
    }

    /// <summary>The offsets moved out to the borders of the grapheme clusters they cut.</summary>
    private static string Widen(string text, string offsets)
    {
        var starts = StringInfo.ParseCombiningCharacters(text).Append(text.Length).ToList();
        return string.Join(' ', offsets.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(span => span.Split("..")
            .Select(place => int.Parse(place, CultureInfo.InvariantCulture)).ToList())
            .Select(span => $"{starts.FindLast(start => start <= span[0])}..{starts.Find(start => start >= span[1])}"));
    }

    /// <summary>The reference's offsets count code points.</summary>
    private static string Expected(string text, int[][] spans)
    {
        var places = new List<int>();
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            places.Add(at);
            at += rune.Utf16SequenceLength;
        }

        places.Add(at);
        return string.Join(' ', spans.Select(span => $"{places[span[0]]}..{places[span[1]]}"));
    }

    private static string Ours(VllmTokenizer tokenizer, string text, bool trims)
    {
        var added = tokenizer.AddedTokens.Select(token => token.Id).ToHashSet();
        return string.Join(' ', ((Tokenizer)tokenizer).EncodeToTokens(text, out _).Select(token =>
        {
            var (start, end) = (token.Offset.Start.Value, token.Offset.End.Value);
            bool IsBlank(char c) => c == ' ' || (added.Contains(token.Id) && char.IsWhiteSpace(c));
            while (trims && start < end && IsBlank(text[start]))
            {
                start++;
            }

            while (trims && start < end && IsBlank(text[end - 1]))
            {
                end--;
            }

            return $"{start}..{end}";
        }));
    }

    private static bool IsJoined(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        || rune.Value is >= 0x1100 and <= 0x11FF;
}
