namespace Connectors.Vllm.Tool.Tests;

public sealed class BatchLinesTests
{
    [Fact]
    public void ReadJsonLines_BlankLines_AreSkippedAndLineNumbersAreTheFiles()
    {
        var lines = BatchLines.ReadJsonLines(new StringReader("{\"a\":1}\n\n  \n{\"b\":2}\n")).ToList();
        Assert.Equal([(0L, 1L), (1L, 4L)], lines.Select(static line => (line.Index, line.Line)));
    }

    [Fact]
    public void ReadCsv_QuotedValues_FillTheTemplate()
    {
        const string Csv = "name,text\nAnn,\"says \"\"hi\"\", twice\"\nBob,\"two\nlines\"\n";
        var lines = BatchLines.ReadCsv(new StringReader(Csv), PromptTemplate.Parse("{{ text }} by {{name}}. {{name}}!")).ToList();
        Assert.Equal(["says \"hi\", twice by Ann. Ann!", "two\nlines by Bob. Bob!"], lines.Select(static line => line.Text));
        Assert.All(lines, static line => Assert.True(line.IsPrompt));
    }

    [Fact]
    public void ReadCsv_UnknownColumn_NamesThoseThatAreThere()
    {
        var exception =
            Assert.Throws<BatchException>(() => BatchLines.ReadCsv(new StringReader("a,b\n1,2\n"), PromptTemplate.Parse("{{c}}")).ToList());
        Assert.Contains("a, b", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no place")]
    [InlineData("{{open")]
    public void Parse_NoPlace_IsRefused(string text) => Assert.Throws<BatchException>(() => PromptTemplate.Parse(text));

    [Theory]
    [InlineData("0/4")]
    [InlineData("5/4")]
    [InlineData("1")]
    [InlineData("a/b")]
    [InlineData("-1/-1")]
    public void TryParse_NoShard_IsNull(string text) => Assert.Null(Shard.TryParse(text));

    [Fact]
    public void Shards_Together_TakeEachRequestOnce()
    {
        var shards = Enumerable.Range(1, 16).Select(static number => Shard.TryParse($"{number}/16")!.Value).ToList();
        Assert.All(Enumerable.Range(0, 1000), index => Assert.Single(shards, shard => shard.Has(index)));
    }

    [Fact]
    public void Merge_ShardsInAnyOrder_IsTheInputsOrder()
    {
        using var folder = new TemporaryFolder();
        var files = Enumerable.Range(0, 3)
            .Select(part =>
                folder.Write($"{part}", string.Concat(Enumerable.Range(0, 10).Where(index => index % 3 == part).Select(static index => Row(index)))))
                .Reverse().ToList();
        var merged = new StringWriter();
        Assert.Equal((10, 0), BatchMerge.Run(files, merged));
        Assert.Equal(string.Concat(Enumerable.Range(0, 10).Select(static index => Row(index))), merged.ToString());
    }

    [Fact]
    public void Merge_SameShardTwice_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a", Row(0) + Row(1));
        var exception = Assert.Throws<BatchException>(() => BatchMerge.Run([file, file], new StringWriter()));
        Assert.Contains("--shard", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_CompletionOrder_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<BatchException>(() => BatchMerge.Run([folder.Write("a", Row(1) + Row(0))], new StringWriter()));
    }

    [Fact]
    public void Merge_OneShardIsNotThere_CountsWhatIsMissing()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal((3, 2), BatchMerge.Run([folder.Write("a", Row(0) + Row(2) + Row(4))], folder["merged"]));
        Assert.Equal(Row(0) + Row(2) + Row(4), File.ReadAllText(folder["merged"]));
    }

    [Fact]
    public void Merge_OutputIsAnInputOrAnInputIsBroken_LeavesTheFilesAsTheyWere()
    {
        using var folder = new TemporaryFolder();
        var input = folder.Write("a", Row(0));
        var broken = folder.Write("b", Row(1) + "{}\n");
        var earlier = folder.Write("merged", "earlier");

        Assert.Contains("--output", Assert.Throws<BatchException>(() => BatchMerge.Run([input], input)).Message, StringComparison.Ordinal);
        Assert.Throws<BatchException>(() => BatchMerge.Run([input, broken], earlier));

        Assert.Equal((Row(0), "earlier"), (File.ReadAllText(input), File.ReadAllText(earlier)));
        Assert.Equal(3, Directory.GetFiles(Path.GetDirectoryName(input)!).Length);
    }

    private static string Row(int index) => $$"""{"id":"{{BatchRow.IdOf(index)}}"}""" + "\n";
}
