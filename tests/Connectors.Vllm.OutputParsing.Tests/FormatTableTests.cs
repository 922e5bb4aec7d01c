namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>That no format is in the table without being tested like the others.</summary>
public sealed class FormatTableTests
{
    public static IEnumerable<TheoryDataRow<string>> Rows => FormatTable.Tools.Where(row => row != ToolSyntax.None)
        .Select(row => new TheoryDataRow<string>(row.Id));

    [Theory]
    [MemberData(nameof(Rows))]
    public void All_EveryFormat_HasTwentyFiveCases(string format)
    {
        var count = CaseTable.All.Count(item => FormatTable.FindTools(item.Tools)?.Id == format);
        Assert.True(count >= 25, $"{format} has {count} cases of its own.");
    }
}
