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
        var texts = 0;
        var templates = TemplateFiles.OfCorpus().ToList();
        foreach (var (name, source) in templates)
        {
            texts += Compare(name, source, Conversations.All.Select(pair => (pair.Key, pair.Value)));
        }

        // Most conversations are legal for most templates: the comparison is one of prompts, not of errors.
        Assert.True(texts > templates.Count * Conversations.All.Count / 2, $"only {texts} texts");
    }

    [Fact]
    public void Render_CorpusTemplatesOfRandomConversations_EqualJinja()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("VLLM_FUZZ_SEED"), out var given) ? given : 20260305;
        foreach (var (name, source) in TemplateFiles.OfCorpus())
        {
            Compare(name, source, Enumerable.Range(seed, 40).Select(number => ($"seed {number}", new RandomConversations(number).Next())));
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Render_NpmTemplateOfRandomConversations_EqualsJinja(string family)
    {
        foreach (var (name, source) in TemplateFiles.OfNpm(family))
        {
            Compare(name, source, Enumerable.Range(1000, 60).Select(number => ($"seed {number}", new RandomConversations(number).Next())));
        }
    }

    /// <summary>Fails at the first difference; gives how many of the cases have a text rather than an error.</summary>
    private int Compare(string name, string source, IEnumerable<(string Name, JsonObject Case)> cases)
    {
        var template = ChatTemplate.Parse(source);
        var nodes = cases.Select(item =>
        {
            var node = item.Case.DeepClone().AsObject();
            node["template"] = source;
            return (item.Name, Node: node);
        }).ToList();
        var answers = oracle.Render(nodes.Select(node => node.Node));
        var texts = 0;
        for (var i = 0; i < nodes.Count; i++)
        {
            texts += answers[i].Text is null ? 0 : 1;
            var ours = TemplateCase.Render(template, nodes[i].Node);
            if (answers[i].Text != ours.Text)
            {
                Assert.Fail(
                    $"{name}, conversation '{nodes[i].Name}'\njinja2: {answers[i].Text ?? answers[i].Error}\nours:   {ours.Text ?? ours.Error}");
            }
        }

        return texts;
    }
}
