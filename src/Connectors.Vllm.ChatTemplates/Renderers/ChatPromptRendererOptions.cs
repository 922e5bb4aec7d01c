namespace Connectors.Vllm.ChatTemplates;

/// <summary>Options of the native renderers; each family reads only its own.</summary>
internal sealed record ChatPromptRendererOptions
{
    /// <summary>
    /// The date that a gpt-oss prompt states; null is today's local date by the input's clock. A fixed date keeps the server's prefix cache
    /// warm over midnight.
    /// </summary>
    public DateOnly? HarmonyDate { get; init; }

    /// <summary>
    /// The format of a model that mistral-common renders, from its tokenizer file; null when the model's chat template is to be used.
    /// <see cref="ChatPromptRenderer.UsesMistralFormat"/> says which models these are.
    /// </summary>
    public MistralPromptOptions? Mistral { get; init; }
}
