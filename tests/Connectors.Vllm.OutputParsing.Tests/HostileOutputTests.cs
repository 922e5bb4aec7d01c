using System.Runtime.InteropServices;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>What models should not write and do: parsers must neither throw, nor lose a character, nor slow down.</summary>
public sealed class HostileOutputTests
{
    private const string Template = """
        {"start_anchor": "<|im_start|>assistant\n", "fields": {
          "thinking": {"open_pattern": "\\s*<think>\\s*", "close_pattern": "\\s*</think>\\s*"}, "content": {"close": "<|im_end|>"},
          "tool_calls": {"open_pattern": "\\s*<call>", "close": "</call>", "content": "json", "repeats": true,
            "transform": {"function": {"name": "{content.name}", "arguments": "{content.arguments}"}}}}}
        """;

    private const string XmlTemplate = """
        {"start_anchor": "A:", "fields": {"content": {}, "tool_calls": {"open_pattern": "<fn=(?P<name>[^>\\n]+)>", "close": "</fn>", "content": "xml-inline",
          "content_args": {"tag_pattern": "<p=(?P<key>[^>]+)>(?P<value>.*?)</p>"}, "transform": {"function": {"name": "{name}", "arguments": "{content}"}}}}}
        """;

    /// <summary>All formats, and two that a model describes itself.</summary>
    internal static IReadOnlyList<OutputFormat> AllFormats { get; } =
    [
        .. FormatProfiles.All.Select(profile => (profile.Tools, profile.Reasoning)).Distinct()
            .Select(pair => OutputFormat.FromNames(pair.Tools, pair.Reasoning)),
        OutputFormat.Select(new OutputFormatHints { ToolParser = "hf", ResponseTemplate = Template }),
        OutputFormat.Select(new OutputFormatHints { ToolParser = "hf", ResponseTemplate = XmlTemplate }),
    ];

    public static IEnumerable<TheoryDataRow<int, string>> Formats =>
        AllFormats.Select((format, index) => new TheoryDataRow<int, string>(index, format.ToString()));

    [Theory]
    [MemberData(nameof(Formats))]
    public void Push_RandomPiecesOfMarkup_NeverThrowsLosesNothingAndIgnoresChunking(int index, string name)
    {
        var format = AllFormats[index];
        Assert.Equal(name, format.ToString());
        var pieces = Pieces(format);
        var generator = Gen.Elements(pieces).ArrayOf().Select(string.Concat).Zip(Gen.Choose(1, 1_000_000));
        var property = Prop.ForAll(Arb.From(generator), pair =>
        {
            var (text, seed) = pair;
            var whole = Parse(format, [text]);
            Assert.True(IsWhole(whole, text), $"lost or added: {OutputCase.Raw(whole)} of {text}");
            Assert.All(whole.Where(item => item.Kind == OutputEventKind.ToolCallStart),
                call => Assert.True(IsWritten(call.Name!, text), $"invented: {call.Name} in {text}"));
            Assert.All(whole.Where(item => item.Kind == OutputEventKind.ToolCallArguments).SelectMany(item => Keys(item.Text)),
                key => Assert.True(IsWritten(key, text), $"invented: argument {key} in {text}"));
            var lines = OutputCase.Lines(whole);
            Assert.Equal(lines, OutputCase.Lines(Parse(format, FormatCaseTests.RandomChunks(text, new Random(seed), 6))));
            Assert.Equal(lines, OutputCase.Lines(Parse(format, text.Select(c => c.ToString()))));
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(150).WithEndSize(40), property);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Push_AdversarialOutput_CostsLinearTime(int index, string name)
    {
        var format = AllFormats[index];
        Assert.Equal(name, format.ToString());
        var opener = format.Tools.Openers.Concat(format.Tools.StartOpeners).FirstOrDefault() ?? "";
        foreach (var piece in Pieces(format).Where(piece => piece.Length > 1).Distinct().Take(12).Concat(["{\"a\":[", "\"", "[", "\n", "a "]))
        {
            // Four times the output costs four times as much, where each character is looked at a bounded number of times. The time is this thread's
            // own, whatever else the machine does, and the best of several tries; quadratic work would cost sixteen times as much.
            var ratio = double.MaxValue;
            var cost = TimeSpan.Zero;
            for (var attempt = 0; attempt < 6 && ratio > 9; attempt++)
            {
                cost = Cost(format, opener + Repeat(piece, 40_000));
                ratio = cost < Negligible ? 0 : Math.Min(ratio, cost / Cost(format, opener + Repeat(piece, 10_000)));
            }

            Assert.True(ratio <= 9, $"40 KB of '{piece}' behind '{opener}' cost {cost.TotalMilliseconds} ms, {ratio} times as much as 10 KB");
        }
    }

    private static readonly TimeSpan Negligible = TimeSpan.FromMilliseconds(15);

    private static TimeSpan Cost(OutputFormat format, string text)
    {
        var parser = OutputParser.Create(format, new OutputParserOptions { Tools = TestTools.All });
        var events = new List<OutputEvent>();
        var start = ThreadTime.Now;
        for (var at = 0; at < text.Length; at += 8)
        {
            parser.Push(text.AsSpan(at, Math.Min(8, text.Length - at)), events);
            events.Clear();
        }

        parser.Finish("stop", events);
        return ThreadTime.Now - start;
    }

    /// <summary>
    /// Whether the events hold every character of the output once, in order. Channel formats join messages of one kind by a line break, the only
    /// character that may come on top.
    /// </summary>
    private static bool IsWhole(List<OutputEvent> events, string output)
    {
        // A line break by itself may be the output's or may join two messages: both places are followed.
        HashSet<int> places = [0];
        foreach (var item in events.Where(item => item.Kind != OutputEventKind.ToolCallArguments))
        {
            places =
            [
                .. places.Where(at => output.AsSpan(at).StartsWith(item.Text, StringComparison.Ordinal)).Select(at => at + item.Text.Length),
                .. item.Text == "\n" ? places : [],
            ];
        }

        return places.Contains(output.Length);
    }

    /// <summary>Whether the output holds a call's name, as it is or in the other spellings that stand for it.</summary>
    private static bool IsWritten(string name, string output)
    {
        // Half a surrogate pair in a name is U+FFFD, as UTF-8 writes it.
        var written = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(output));
        return written.Contains(name, StringComparison.Ordinal) || written.Contains('\\')
            || written.Contains(string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')), StringComparison.Ordinal);
    }

    /// <summary>The names of a call's arguments, where they are JSON.</summary>
    private static string[] Keys(string arguments)
    {
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(arguments);
            return [.. document.RootElement.EnumerateObject().Select(member => member.Name)];
        }
        catch (System.Text.Json.JsonException)
        {
            return [];
        }
    }

    private static string Repeat(string piece, int length)
    {
        var text = new StringBuilder();
        while (text.Length < length)
        {
            text.Append(piece);
        }

        return text.ToString();
    }

    /// <summary>Parts of a format's own markup, and what breaks markup.</summary>
    internal static string[] Pieces(OutputFormat format)
    {
        var cases = CaseTable.All.Where(item => item.Tools == format.ToolParser && item.Output.Length < 400).Take(4).Select(item => item.Output);
        string[] template = format.ToolParser == "hf"
            ? ["<call>", "</call>", "{\"name\": \"now\", \"arguments\": {\"a\": 1, \"a\": 2}}", "<|im_end|>", "<fn=now>", "</fn>", "<p=a>", "</p>",
                "</", "<fn="]
            : [];
        var tools = format.Tools;
        return
        [
            .. cases.SelectMany(Tokens), .. tools.Openers, .. tools.StartOpeners, .. tools.Drops, .. template,
            "<think>", "</think>", "<", "{", "}", "\"", "'", "\\", "[", "]", ",", ":", "a", " ", "\n", "\r", "\t", "`", "```", "é😀"[..2], "now",
        ];
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

    private static List<OutputEvent> Parse(OutputFormat format, IEnumerable<string> chunks)
    {
        var parser = OutputParser.Create(format, new OutputParserOptions { Tools = TestTools.All, ReportMarkup = true });
        var events = new List<OutputEvent>();
        foreach (var chunk in chunks)
        {
            parser.Push(chunk, -1, events);
        }

        parser.Finish("stop", events);
        return events;
    }

    /// <summary>The processor time that the current thread has used.</summary>
    private static class ThreadTime
    {
        private const int ThreadClock = 3;

        public static TimeSpan Now
        {
            get
            {
                Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux's clock of a thread's own time is read here.");
                Assert.Equal(0, ReadClock(ThreadClock, out var time));
                return TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromTicks(time.Nanoseconds / TimeSpan.NanosecondsPerTick);
            }
        }

        [DllImport("libc", EntryPoint = "clock_gettime")]
        private static extern int ReadClock(int clock, out Time time);

        [StructLayout(LayoutKind.Sequential)]
        private readonly struct Time
        {
            public readonly nint Seconds;
            public readonly nint Nanoseconds;
        }
    }
}
