namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>All cases of all formats; a new format adds its table here.</summary>
public static class CaseTable
{
    private static readonly Lazy<IReadOnlyList<OutputCase>> Cases = new(() =>
    [
        .. ThinkCases.All,
        .. HermesCases.All,
        .. VectorCases.All,
        .. RepairCases.All,
        .. GemmaCases.All,
        .. NestedCallCases.All,
        .. KimiCases.All,
        .. DsmlCases.All,
        .. HarmonyCases.All,
        .. TypeCases.All,
        .. PairCases.All,
        .. JsonBodyCases.All,
        .. ThoughtCases.All,
        .. FormatProfiles.All.SelectMany(profile => profile.Cases()),
    ]);

    public static IReadOnlyList<OutputCase> All => Cases.Value;

    /// <summary>Indexes and names, so that each case is one test.</summary>
    public static IEnumerable<TheoryDataRow<int, string>> Rows => All.Select((item, index) => new TheoryDataRow<int, string>(index, item.ToString()));
}
