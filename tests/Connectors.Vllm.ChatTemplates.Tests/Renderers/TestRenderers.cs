namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>The renderers as the tests use them.</summary>
internal static class TestRenderers
{
    public static readonly DateOnly Date = new(2031, 5, 4);

    public static ChatPromptRenderer Create(string mode, string? mistralVersion = null) =>
        ChatPromptRenderer.Create(mode, new ChatPromptRendererOptions
        {
            HarmonyDate = Date,
            Mistral = mode != "mistral" ? null : MistralPromptOptions.FromFileName("tokenizer.model." + (mistralVersion ?? "v13"))! with
            {
                Images = new MistralImageOptions(),
                ReasoningEfforts = ["none", "high"],
                DefaultReasoningEffort = "none",
            },
        })!;
}
