using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>
/// Every format's structural tags, compiled by xgrammar: they accept what the format's own calls look like, refuse what breaks the rule, and whatever
/// they accept is read back by the parser as the calls it is.
/// </summary>
public sealed class CallConstraintTests(GrammarOracle oracle) : IClassFixture<GrammarOracle>
{
    // The old xgrammar of this oracle compiles no free text that may end in two ways and goes on; GrammarCompilerTests asks the servers' own.
    public static TheoryData<string, string> Cases => new(ConstraintScenarios.All.Keys
        .SelectMany(mode => ForcedFormats.All.Select(profile => (mode, profile.Tools)))
        .Where(item => item.Tools != "kimi_k3" || !item.mode.StartsWith("auto", StringComparison.Ordinal)));

    [Theory]
    [MemberData(nameof(Cases))]
    public void StructuralTag_EveryFormatAndMode_AcceptsWhatTheParserReadsAndNothingElse(string mode, string format)
    {
        var scenario = ConstraintScenarios.All[mode](format);
        var result = scenario.Build();
        Assert.Null(result.Note);
        var tag = result.ToStructuralTag();
        var accepted = oracle.AcceptsTag(tag, scenario.Tries.Select(item => item.Output));
        var failures = new List<string>();
        for (var i = 0; i < scenario.Tries.Count; i++)
        {
            var item = scenario.Tries[i];
            if (accepted[i] != item.IsAccepted && !IsBeyondOracle(format, item))
            {
                failures.Add($"{(item.IsAccepted ? "refused" : "accepted")}: {item.Output}");
            }
            else if (item.IsAccepted && scenario.ParserProblem(item, result.CallShape) is { } problem)
            {
                failures.Add(problem);
            }
        }

        Assert.True(failures.Count == 0, $"{string.Join('\n', failures)}\n{tag}");
    }

    // The old xgrammar of this oracle knows no excludes and no bound on white space; GrammarCompilerTests asks the servers' own.
    private static bool IsBeyondOracle(string format, ConstraintTry item) => !item.IsAccepted
        && (format == "kimi_k3" || item.Output.Contains("\n\n\n", StringComparison.Ordinal));
}
