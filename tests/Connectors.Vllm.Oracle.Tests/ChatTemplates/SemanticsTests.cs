using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Every entry of the table gives what jinja2 gives.</summary>
public sealed class SemanticsTests(JinjaOracle oracle) : IClassFixture<JinjaOracle>
{
    [Fact]
    public void Render_Expressions_EqualJinja() => Compare(SemanticsTable.Expressions.Select(expression => "{{ " + expression + " }}"));

    [Fact]
    public void Render_Templates_EqualJinja() => Compare(SemanticsTable.Templates);

    private void Compare(IEnumerable<string> templates)
    {
        var cases = templates.Select(template => new JsonObject
        {
            ["template"] = template,
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = " héllo <b> 'x' \"y\" 🎉 " },
                new JsonObject { ["role"] = "assistant", ["content"] = "ok" }),
            ["special_tokens"] = new JsonObject { ["bos_token"] = "<s>" },
            ["now"] = "2026-03-05T14:07:09",
        }).ToList();
        var answers = oracle.Render(cases);
        var report = new StringBuilder();
        var failures = 0;
        for (var i = 0; i < cases.Count; i++)
        {
            var ours = TemplateCase.Render(cases[i]);
            if (ours.Text == answers[i].Text || (ours.Text is not null && IsSameButAddresses(ours.Text, answers[i].Text)))
            {
                continue;
            }

            failures++;
            report.AppendLine($"{cases[i]["template"]}\n   jinja2: {answers[i].Text ?? answers[i].Error}\n   ours:   {ours.Text ?? ours.Error}");
        }

        Assert.True(failures == 0, $"{failures} of {cases.Count} differ\n{report}");
    }

    // <function …> and the like: Python prints an address.
    private static bool IsSameButAddresses(string ours, string? theirs) =>
        theirs is not null && ours.StartsWith('<') && theirs.StartsWith('<') && theirs.Contains(" at 0x", StringComparison.Ordinal);
}
