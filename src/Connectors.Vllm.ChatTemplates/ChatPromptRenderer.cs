using Connectors.Vllm.ChatTemplates.Renderers;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// Renders a conversation as the exact prompt text that a model was trained on: a <see cref="ChatTemplate"/>, or a native renderer for the model
/// families whose reference prompt is not a Jinja template: gpt-oss (Harmony), DeepSeek V3.2, V4 and V4.1, Kimi K3, Inkling, and Mistral models that
/// ship with mistral-common's tokenizer file. All renderers are immutable and thread-safe.
/// </summary>
/// <remarks>
/// Native renderers read messages and tools in the OpenAI format (arguments as JSON text or as an object) and options from
/// <see cref="ChatTemplateInput.Kwargs"/>; special tokens and documents are not used. The choice follows vLLM, which looks at the architecture in its
/// Python front end and at model_type in its Rust one. Whatever the caller supplies, including tool declarations, is in
/// <see cref="RenderedPrompt.Content"/>.
/// </remarks>
public abstract class ChatPromptRenderer
{
    /// <summary>Renders a prompt from <paramref name="input"/>, which is not modified.</summary>
    /// <param name="input">The conversation and the template variables.</param>
    /// <returns>The prompt text, and which of its characters come from message content.</returns>
    /// <exception cref="ChatTemplateException">
    /// The conversation cannot be rendered: the template refused it, it is malformed, or a limit was reached.
    /// </exception>
    public abstract RenderedPrompt Render(ChatTemplateInput input);

    /// <summary>Gets the native renderer for a model; <see langword="null"/> if the model's chat template is the reference.</summary>
    /// <param name="architectures">The <c>architectures</c> in config.json; <see langword="null"/> if unknown.</param>
    /// <param name="modelType">The <c>model_type</c> in config.json; <see langword="null"/> if unknown.</param>
    public static ChatPromptRenderer? ForModel(IReadOnlyList<string>? architectures, string? modelType) => ForModel(architectures, modelType, null);

    /// <summary>
    /// Gets the native renderer for one of vLLM's tokenizer modes: <c>harmony</c>, <c>deepseek_v32</c>, <c>deepseek_v4</c>, <c>deepseek_v41</c>,
    /// <c>kimi_k3</c> or <c>inkling</c>; <see langword="null"/> for every other name.
    /// </summary>
    /// <param name="name">The name of the tokenizer mode.</param>
    public static ChatPromptRenderer? Create(string name) => name == "mistral" ? null : Create(name, null);

    internal static ChatPromptRenderer? ForModel(IReadOnlyList<string>? architectures, string? modelType, ChatPromptRendererOptions? options)
    {
        foreach (var architecture in architectures ?? [])
        {
            if (NameOfArchitecture(architecture) is { } name)
            {
                return Create(name, options);
            }
        }

        return modelType switch
        {
            "deepseek_v32" or "deepseek_v4" or "deepseek_v41" or "kimi_k3" => Create(modelType, options),
            "gpt_oss" => Create("harmony", options),
            _ => options?.Mistral is { } mistral ? new MistralRenderer(mistral) : null,
        };
    }

    /// <summary>Also <c>mistral</c>, which needs <see cref="ChatPromptRendererOptions.Mistral"/>.</summary>
    internal static ChatPromptRenderer? Create(string name, ChatPromptRendererOptions? options) => name switch
    {
        "harmony" => new HarmonyRenderer(options?.HarmonyDate),
        "deepseek_v32" => new DeepSeekV32Renderer(),
        "deepseek_v4" => new DeepSeekV4Renderer(),
        "deepseek_v41" => new DeepSeekV41Renderer(),
        "kimi_k3" => new KimiK3Renderer(),
        "inkling" => new InklingRenderer(),
        "mistral" =>
            new MistralRenderer(options?.Mistral
                ?? throw new ArgumentException("The mistral renderer needs ChatPromptRendererOptions.Mistral.", nameof(options))),
        _ => null,
    };

    private static string? NameOfArchitecture(string architecture) => architecture switch
    {
        "DeepseekV32ForCausalLM" => "deepseek_v32",
        "DeepseekV4ForCausalLM" or "DeepseekV4ForConditionalGeneration" => "deepseek_v4",
        "DeepseekV41ForCausalLM" => "deepseek_v41",
        "KimiK3ForConditionalGeneration" => "kimi_k3",
        "InklingForCausalLM" or "InklingForConditionalGeneration" => "inkling",
        "GptOssForCausalLM" => "harmony",
        _ => null,
    };
}
