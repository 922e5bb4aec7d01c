using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Random templates give jinja2's text, or an error in both. VLLM_FUZZ_SEED and VLLM_FUZZ_COUNT run others and more.</summary>
public sealed class RandomTemplateTests(JinjaOracle oracle) : IClassFixture<JinjaOracle>
{
    [Fact]
    public void Render_RandomTemplates_EqualJinja()
    {
        var seed = Setting("VLLM_FUZZ_SEED", 20260305);
        var count = Setting("VLLM_FUZZ_COUNT", 1000);
        var (report, texts) = Compare([.. Enumerable.Range(seed, count)]);

        Assert.True(report.Length == 0, report);
        Assert.InRange(texts, count / 8, count);
    }

    [Fact]
    public void Render_TemplatesOfAnySeeds_EqualJinja() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(20).WithQuietOnSuccess(true),
            Prop.ForAll(ArbMap.Default.ArbFor<int[]>(), seeds => Compare(seeds).Report.Length == 0));

    /// <summary>What differs, for people; and how many of the templates gave a text.</summary>
    private (string Report, int Texts) Compare(IReadOnlyList<int> seeds)
    {
        var cases = seeds.Select(number => new JsonObject
        {
            ["template"] = new RandomTemplates(number).Next(),
            ["messages"] = JsonNode.Parse("""[{"role":"user","content":" Hi <b> é🎉 "},{"role":"assistant","content":"ok","a":1},{"role":"user","content":[{"type":"text","text":"x"}]}]"""),
            ["tools"] = JsonNode.Parse("""[{"type":"function","function":{"name":"f","parameters":{"a":[1,2.50,1e3,null,true]}}}]"""),
            ["special_tokens"] = new JsonObject { ["bos_token"] = "<s>" },
        }).ToList();
        var answers = oracle.Render(cases);
        var report = new StringBuilder();
        var texts = 0;
        for (var i = 0; i < cases.Count; i++)
        {
            texts += answers[i].Text is null ? 0 : 1;
            var ours = TemplateCase.Render(cases[i]);
            if (ours.Text != answers[i].Text && !HasAddress(answers[i].Text) && !IsFoldedSlice(answers[i], ours))
            {
                report.AppendLine(CultureInfo.InvariantCulture, $"seed {seeds[i]}: {cases[i]["template"]!.GetValue<string>().ReplaceLineEndings("\\n")}\n   jinja2: {answers[i].Text ?? answers[i].Error}\n   ours:   {ours.Text ?? ours.Error}");
            }
        }

        return (report.ToString(), texts);
    }

    // jinja2 folds a slice of a constant that has no slices, such as {}[1:], to nothing; on a variable it raises the error we raise on both.
    private static bool IsFoldedSlice(OracleAnswer theirs, OracleAnswer ours) =>
        theirs.Text is not null && ours.Error is not null && ours.Error.Contains("object is not subscriptable", StringComparison.Ordinal);

    // Python prints generators, methods and functions with their address in memory (also in upper case, escaped, or cut short).
    private static bool HasAddress(string? text) =>
        text is not null && (text.Contains(" at 0x", StringComparison.OrdinalIgnoreCase) || text.Contains("built-in method", StringComparison.OrdinalIgnoreCase) || text.Contains("generator object", StringComparison.OrdinalIgnoreCase));

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
