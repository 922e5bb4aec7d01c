using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Oracle.Tests.Tokenizers;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>
/// Random templates give jinja2's text, or an error in both. What differs is shrunk to its smallest form and reported with the numbers to replay it:
/// VLLM_FUZZ_REPLAY takes them ("seed,gamma") and VLLM_FUZZ_COUNT how many; VLLM_TEST_NIGHTLY=1 runs many others each time.
/// </summary>
public sealed class RandomTemplateTests(JinjaOracle oracle) : IClassFixture<JinjaOracle>
{
    private static readonly JsonNode Messages = JsonNode.Parse(
        """[{"role":"user","content":" Hi <b> é🎉 "},{"role":"assistant","content":"ok","a":1},{"role":"user","content":[{"type":"text","tex"""
            + """t":"x"}]}]""")!;

    private static readonly JsonNode Tools =
        JsonNode.Parse("""[{"type":"function","function":{"name":"f","parameters":{"a":[1,2.50,1e3,null,true]}}}]""")!;

    [Fact]
    public void Render_TemplatesOfTheGrammar_EqualJinja()
    {
        var (config, count) = (Config.QuickThrowOnFailure, 10_000);
        if (Environment.GetEnvironmentVariable(HardStrings.NightlyVariable) != "1")
        {
            var numbers = (Environment.GetEnvironmentVariable("VLLM_FUZZ_REPLAY") ?? "20260305,1").Split(',');
            config = config.WithReplay(ulong.Parse(numbers[0], CultureInfo.InvariantCulture), ulong.Parse(numbers[1], CultureInfo.InvariantCulture));
            count = int.Parse(Environment.GetEnvironmentVariable("VLLM_FUZZ_COUNT") ?? "1000", CultureInfo.InvariantCulture);
        }

        Check(config, count);
    }

    /// <summary>One batch of templates; a batch that fails is halved until one template is left, and that one is shrunk.</summary>
    private void Check(Config config, int count)
    {
        var batch = Arb.From(TemplateGrammar.Templates.ArrayOf(count), Smaller);
        Prop.ForAll(batch, templates =>
        {
            var (report, texts) = Compare([.. templates.Select(string.Concat<TemplatePiece>)]);
            Assert.True(report.Length == 0, report);
            Assert.True(templates.Length < count || texts > count / 8, $"only {texts} of {count} templates give a text");
        }).Check(config.WithMaxTest(1).WithQuietOnSuccess(true));

        static IEnumerable<TemplatePiece[][]> Smaller(TemplatePiece[][] templates) => templates.Length > 1
            ? [templates[..(templates.Length / 2)], templates[(templates.Length / 2)..]]
            : templates.SelectMany(TemplatePiece.Shrink).Select(smaller => (TemplatePiece[][])[smaller]);
    }

    /// <summary>What differs, for people; and how many of the templates gave a text.</summary>
    private (string Report, int Texts) Compare(IReadOnlyList<string> templates)
    {
        var cases = templates.Select(template => new JsonObject
        {
            ["template"] = template,
            ["messages"] = Messages.DeepClone(),
            ["tools"] = Tools.DeepClone(),
            ["special_tokens"] = new JsonObject { ["bos_token"] = "<s>" },
        }).ToList();
        var answers = oracle.Render(cases);
        var report = new StringBuilder();
        for (var i = 0; i < cases.Count; i++)
        {
            var ours = TemplateCase.Render(cases[i]);
            if (ours.Text != answers[i].Text && !HasAddress(answers[i].Text) && !IsFoldedSlice(answers[i], ours))
            {
                report.AppendLine(
                    CultureInfo.InvariantCulture,
                    $"{templates[i].ReplaceLineEndings("\\n")}\n   jinja2: {answers[i].Text ?? answers[i].Error}\n   ours:  "
                        + $" {ours.Text ?? ours.Error}");
            }
        }

        return (report.ToString(), answers.Count(answer => answer.Text is not null));
    }

    // jinja2 folds a slice of a constant that has no slices, such as {}[1:], to nothing; on a variable it raises the error we raise on both.
    private static bool IsFoldedSlice(OracleAnswer theirs, OracleAnswer ours) =>
        theirs.Text is not null && ours.Error is not null && ours.Error.Contains("object is not subscriptable", StringComparison.Ordinal);

    // Python prints generators, methods and functions with their address in memory (also in upper case, escaped, or cut short).
    private static bool HasAddress(string? text) =>
        text is not null
            && (text.Contains(" at 0x", StringComparison.OrdinalIgnoreCase) || text.Contains("built-in method", StringComparison.OrdinalIgnoreCase)
                || text.Contains("generator object", StringComparison.OrdinalIgnoreCase));
}
