using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>The content format of real templates, as vLLM's detection has found it.</summary>
public sealed class ContentFormatTests
{
    // The models whose templates iterate over content; all other templates of the corpus take a string.
    private static readonly string[] OpenAIModels =
    [
        "GLM-5.2", "Mistral-Small-3.2", "Qwen3.5-4B", "kimi-k2-instruct", "Kimi-K2.", "idefics3", "gemma-4-31B", "Ministral-3", "gemma3n",
        "Apriel-1.5", "Devstral",
    ];

    [Fact]
    public void ContentFormat_CorpusTemplates_IsVllms()
    {
        foreach (var (name, source) in TemplateFiles.OfCorpus())
        {
            var expected = OpenAIModels.Any(model => name.Contains(model, StringComparison.Ordinal))
                ? ChatContentFormat.OpenAI
                : ChatContentFormat.String;
            Assert.True(expected == ChatTemplate.Parse(source).ContentFormat, $"{name} should be {expected}");
        }
    }
}
