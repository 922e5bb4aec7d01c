using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>With every real template: what a message says ends up in the content ranges, and what the template says does not.</summary>
public sealed class ContentRangeTests
{
    // Private-use characters: no template has them, so every one of them in a prompt came from a message.
    private const char First = '\ue100';
    private const char Last = '\ue1ff';

    public static TheoryData<string> Families => [.. TemplateFiles.NpmFamilies];

    [Theory]
    [MemberData(nameof(Families))]
    public void Render_NpmTemplate_MarksExactlyTheContent(string family)
    {
        foreach (var (name, source) in TemplateFiles.OfNpm(family))
        {
            Check(name, ChatTemplate.Parse(source));
        }
    }

    [Fact]
    public void Render_CorpusTemplates_MarkExactlyTheContent()
    {
        foreach (var (name, source) in TemplateFiles.OfCorpus())
        {
            Check(name, ChatTemplate.Parse(source));
        }
    }

    private static void Check(string name, ChatTemplate template)
    {
        foreach (var (title, original) in Conversations.All)
        {
            var node = original.DeepClone().AsObject();
            var next = First;
            foreach (var message in node["messages"]!.AsArray())
            {
                Encode(message!, ref next);
            }

            RenderedPrompt prompt;
            try
            {
                using var json = System.Text.Json.JsonDocument.Parse(node.ToJsonString());
                prompt = template.Render(TemplateCase.Input(json.RootElement));
            }
            catch (ChatTemplateException)
            {
                continue;
            }

            var marked = new bool[prompt.Text.Length];
            var end = -1;
            foreach (var range in prompt.Content)
            {
                Assert.True(range.Start.Value > end && range.End.Value > range.Start.Value, $"{name}, {title}: ranges are not in order");
                end = range.End.Value;
                Array.Fill(marked, true, range.Start.Value, end - range.Start.Value);
            }

            for (var i = 0; i < prompt.Text.Length; i++)
            {
                if (prompt.Text[i] is >= First and <= Last && !marked[i])
                {
                    Assert.Fail($"{name}, {title}: content at {i} is not marked in\n{prompt.Text}");
                }

                if (marked[i] && prompt.Text[i] == '<' && prompt.Text.AsSpan(i).StartsWith("<|"))
                {
                    Assert.Fail($"{name}, {title}: a control token of the template is marked at {i} in\n{prompt.Text}");
                }
            }
        }
    }

    /// <summary>Replaces every string of a message but its role and the types of its parts by private-use characters.</summary>
    private static void Encode(JsonNode node, ref char next)
    {
        if (node is JsonObject entries)
        {
            foreach (var (key, value) in entries.ToList())
            {
                if (value is JsonValue leaf && leaf.GetValueKind() == System.Text.Json.JsonValueKind.String)
                {
                    if (key is not ("role" or "type" or "id" or "tool_call_id"))
                    {
                        next = next == Last ? First : (char)(next + 1);
                        entries[key] = new string(next, 6);
                    }
                }
                else if (value is not null)
                {
                    Encode(value, ref next);
                }
            }
        }
        else if (node is JsonArray items)
        {
            foreach (var item in items)
            {
                if (item is not null)
                {
                    Encode(item, ref next);
                }
            }
        }
    }
}
