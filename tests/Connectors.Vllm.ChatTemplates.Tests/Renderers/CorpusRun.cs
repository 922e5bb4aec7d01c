using System.Text;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>Collects the cases a renderer gets wrong, so that one run shows them all.</summary>
internal sealed class CorpusRun
{
    private readonly StringBuilder _faults = new();
    private int _faultCount;

    public int Compared { get; private set; }

    public int Refused { get; private set; }

    public int Tolerated { get; private set; }

    public void Check(
        string name, ChatPromptRenderer renderer, ChatTemplateInput input, string? expectedText, string? expectedError,
        Action<RenderedPrompt>? inspect = null)
    {
        try
        {
            var rendered = renderer.Render(input);
            if (expectedText is null)
            {
                Fault(name, $"should be refused ({expectedError}) but gave {rendered.Text}");
            }
            else if (rendered.Text != expectedText)
            {
                var at = rendered.Text.AsSpan().CommonPrefixLength(expectedText);
                Fault(name, $"differs at {at}\n   expected …{Near(expectedText, at)}\n   actual   …{Near(rendered.Text, at)}");
            }
            else
            {
                Compared++;
                inspect?.Invoke(rendered);
            }
        }
        catch (ChatTemplateException exception) when (expectedText is null)
        {
            Assert.NotEmpty(exception.Message);
            Refused++;
        }
        catch (ChatTemplateException exception)
        {
            Fault(name, "was refused: " + exception.Message);
        }
    }

    /// <summary>A request that the reference's HTTP schema refuses and we take: it must give what the repaired request gives.</summary>
    public void CheckTolerated(string name, ChatPromptRenderer renderer, ChatTemplateInput given, ChatTemplateInput repaired)
    {
        if (renderer.Render(given).Text == renderer.Render(repaired).Text)
        {
            Tolerated++;
        }
        else
        {
            Fault(name, "differs from the repaired request");
        }
    }

    public void Fault(string name, string what)
    {
        _faultCount++;
        _faults.Append(name).Append(": ").AppendLine(what);
    }

    public void AssertNoFaults(int compared, int refused, int tolerated = 0)
    {
        Assert.True(_faultCount == 0, $"{_faultCount} cases differ\n{_faults}");
        Assert.Equal((compared, refused, tolerated), (Compared, Refused, Tolerated));
    }

    private static string Near(string text, int at) =>
        text[Math.Max(0, at - 40)..Math.Min(text.Length, at + 120)].Replace("\n", "\\n", StringComparison.Ordinal);
}
