using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Every real template at hand renders every conversation as jinja2 does: the same text, or an error in both.</summary>
public sealed class RealTemplateTests(JinjaOracle oracle) : IClassFixture<JinjaOracle>
{
    public static TheoryData<string> Families => [.. TemplateFiles.NpmFamilies];

    [Theory]
    [MemberData(nameof(Families))]
    public void Render_NpmTemplate_EqualsJinja(string family)
    {
        foreach (var (name, source) in TemplateFiles.OfNpm(family))
        {
            Compare(name, source, Conversations.All.Select(pair => (pair.Key, pair.Value)));
        }
    }

    [Fact]
    public void Render_CorpusTemplates_EqualJinja()
    {
        foreach (var (name, source) in TemplateFiles.OfCorpus())
        {
            Compare(name, source, Conversations.All.Select(pair => (pair.Key, pair.Value)));
        }
    }

    private void Compare(string name, string source, IEnumerable<(string Name, JsonObject Case)> cases)
    {
        var template = ChatTemplate.Parse(source);
        var nodes = cases.Select(item =>
        {
            var node = item.Case.DeepClone().AsObject();
            node["template"] = source;
            return (item.Name, Node: node);
        }).ToList();
        var answers = oracle.Render(nodes.Select(node => node.Node));
        for (var i = 0; i < nodes.Count; i++)
        {
            var ours = TemplateCase.Render(template, nodes[i].Node);
            if (answers[i].Text != ours.Text)
            {
                Assert.Fail($"{name}, conversation '{nodes[i].Name}'\njinja2: {answers[i].Text ?? answers[i].Error}\nours:   {ours.Text ?? ours.Error}");
            }
        }
    }
}
