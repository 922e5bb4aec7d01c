using System.Diagnostics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>What models should not write and do: parsers must neither throw, nor lose a character, nor slow down.</summary>
public sealed class HostileOutputTests
{
    public static IEnumerable<TheoryDataRow<string, string>> Formats => FormatProfiles.All.Select(profile => (profile.Tools, profile.Reasoning)).Distinct()
        .Select(pair => new TheoryDataRow<string, string>(pair.Tools, pair.Reasoning));

    [Theory]
    [MemberData(nameof(Formats))]
    public void Push_RandomPiecesOfMarkup_NeverThrowsLosesNothingAndIgnoresChunking(string tools, string reasoning)
    {
        var format = OutputFormats.FromNames(tools, reasoning);
        var pieces = Pieces(tools);
        var generator = Gen.Elements(pieces).ArrayOf().Select(string.Concat).Zip(Gen.Choose(1, 1_000_000));
        var property = Prop.ForAll(Arb.From(generator), pair =>
        {
            var (text, seed) = pair;
            var (whole, raw) = Parse(format, [text]);
            Assert.True(raw == text || tools is "openai" or "muse_glimmer", $"lost: {raw} of {text}");
            var (split, _) = Parse(format, FormatCaseTests.RandomChunks(text, new Random(seed), 6));
            Assert.Equal(whole, split);
            Assert.Equal(whole, Parse(format, text.Select(c => c.ToString())).Lines);
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(150).WithEndSize(40), property);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Push_AdversarialOutput_CostsLinearTime(string tools, string reasoning)
    {
        var format = OutputFormats.FromNames(tools, reasoning);
        var opener = format.Tools.Openers.Concat(format.Tools.StartOpeners).FirstOrDefault() ?? "";
        foreach (var piece in Pieces(tools).Where(piece => piece.Length > 1).Distinct().Take(12).Concat(["{\"a\":[", "\"", "[", "\n", "a "]))
        {
            var text = opener + Repeat(piece);
            var watch = Stopwatch.StartNew();
            var parser = OutputParser.Create(format, new OutputParserOptions { Tools = TestTools.All });
            var events = new OutputEvents();
            for (var at = 0; at < text.Length; at += 8)
            {
                parser.Push(text.AsSpan(at, Math.Min(8, text.Length - at)), events);
                events.Clear();
            }

            parser.Finish("stop", events);

            // A guard against quadratic work, which would take minutes; not a measurement.
            Assert.True(watch.ElapsedMilliseconds < 3000, $"{watch.ElapsedMilliseconds} ms for 100 KB of '{piece}' behind '{opener}'");
        }
    }

    private static string Repeat(string piece)
    {
        var text = new StringBuilder();
        while (text.Length < 100_000)
        {
            text.Append(piece);
        }

        return text.ToString();
    }

    /// <summary>Parts of a format's own markup, and what breaks markup.</summary>
    private static string[] Pieces(string tools)
    {
        var cases = CaseTable.All.Where(item => item.Tools == tools && item.Output.Length < 400).Take(4).Select(item => item.Output);
        var format = OutputFormats.FromNames(tools, "qwen3").Tools;
        return [.. cases.SelectMany(Tokens), .. format.Openers, .. format.StartOpeners, .. format.Drops, "<think>", "</think>", "<", "{", "}", "\"", "\\", "[", "]", "a", " ", "\n", "\r", "é😀"[..2], "now"];
    }

    private static IEnumerable<string> Tokens(string output)
    {
        var start = 0;
        for (var i = 1; i < output.Length; i++)
        {
            if (output[i] is '<' or '{' or '[' or '"' || output[i - 1] is '>' or '}' or ']' or '\n')
            {
                yield return output[start..i];
                start = i;
            }
        }

        yield return output[start..];
    }

    private static (string[] Lines, string Raw) Parse(OutputFormat format, IEnumerable<string> chunks)
    {
        var parser = OutputParser.Create(format, new OutputParserOptions { Tools = TestTools.All, ReportMarkup = true });
        var events = new OutputEvents();
        foreach (var chunk in chunks)
        {
            parser.Push(chunk, -1, events);
        }

        parser.Finish("stop", events);
        return (OutputCase.Lines(events), OutputCase.Raw(events));
    }
}
