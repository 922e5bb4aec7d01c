namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>What must hold for every case of every format.</summary>
public sealed class FormatCaseTests
{
    [Theory]
    [MemberData(nameof(CaseTable.Rows), MemberType = typeof(CaseTable))]
    public void Parse_Case_GivesExpectedEventsForAnyChunking(int index, string name)
    {
        var item = CaseTable.All[index];
        Assert.Equal(name, item.ToString());
        AssertAnyChunking(item);
    }

    [Theory]
    [MemberData(nameof(CaseTable.Rows), MemberType = typeof(CaseTable))]
    public void Parse_CaseCutAnywhere_LosesNothingAndInventsNoCall(int index, string name)
    {
        var item = CaseTable.All[index];
        Assert.Equal(name, item.ToString());
        var calls = Check(item, item.Output.Select(c => c.ToString())).Where(IsCall).ToList();
        for (var length = 0; length < item.Output.Length; length += 1 + (item.Output.Length / 120))
        {
            var lines = Check(item with { Output = item.Output[..length] }, [item.Output[..length]]);
            Assert.All(lines.Where(IsCall), call => Assert.Contains(call, calls));
        }
    }

    [Theory]
    [MemberData(nameof(CaseTable.Rows), MemberType = typeof(CaseTable))]
    public void Push_MarkersAsTokensOfTheVocabulary_GivesTheSameEvents(int index, string name)
    {
        var item = CaseTable.All[index];
        Assert.Equal(name, item.ToString());

        // In code only the spelling of a marker makes none, and cases with tokens of their own say themselves which markers are tokens.
        if (item.IdsOnly || item.TextOnly || item.Tokens.Length > 0 || item.Output.Contains('`'))
        {
            return;
        }

        var rows = OutputFormat.FromNames(item.Tools, item.Reasoning);
        string[] markers = [.. rows.Tools.Openers.Concat(rows.Tools.Drops).Concat(rows.Tools.StrayClosers).Concat(rows.Reasoning.Opens)
            .Concat(rows.Reasoning.Closes).Where(text => !text.Any(char.IsWhiteSpace) && text[^1] is '>' or ']').Distinct()
            .OrderByDescending(text => text.Length)];
        int? Find(string text) => Array.IndexOf(markers, text) is >= 0 and var at ? 1000 + at : null;
        var parser = OutputParser.Create(OutputFormat.FromNames(item.Tools, item.Reasoning, Find), item.Options);
        var events = new List<OutputEvent>();
        for (var at = 0; at < item.Output.Length;)
        {
            var marker = Array.Find(markers, text => item.Output.AsSpan(at).StartsWith(text, StringComparison.Ordinal));
            var piece = marker ?? item.Output.Substring(at, 1);
            parser.Push(piece, marker is null ? 7 : Find(marker)!.Value, events);
            at += piece.Length;
        }

        parser.Finish("stop", events);
        item.AssertExpected(OutputCase.Lines(events));
        Assert.Equal(item.Output, OutputCase.Raw(events));
    }

    /// <summary>The same events for the output as a whole, by character, and in four random cuts.</summary>
    internal static void AssertAnyChunking(OutputCase item)
    {
        if (!item.IdsOnly)
        {
            item.AssertExpected(Check(item, [item.Output]));
        }

        item.AssertExpected(Check(item, item.Output.Select(c => c.ToString())));
        for (var seed = 1; seed <= 4; seed++)
        {
            item.AssertExpected(Check(item, RandomChunks(item.Output, new Random(seed), 3 * seed)));
        }
    }

    internal static string[] Check(OutputCase item, IEnumerable<string> chunks)
    {
        var parser = OutputParser.Create(item.Format, item.Options);
        var events = new List<OutputEvent>();
        foreach (var chunk in chunks)
        {
            parser.Push(chunk, item.IdsOnly ? 7 : -1, events);
        }

        parser.Finish("stop", events);
        Assert.Equal(item.Output, OutputCase.Raw(events));
        return OutputCase.Lines(events);
    }

    internal static IEnumerable<string> RandomChunks(string text, Random random, int max)
    {
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = Math.Min(random.Next(1, max + 2), text.Length - at);
            yield return text.Substring(at, length);
        }
    }

    private static bool IsCall(string line) => line.StartsWith("C ", StringComparison.Ordinal);
}
