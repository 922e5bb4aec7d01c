using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>How one model marks media in a prompt.</summary>
/// <param name="Text">What templates with string content need in the text, per item; <c>{0}</c> is the item's number from 1.</param>
/// <param name="Anchor">The one token that the server's processor expands.</param>
internal sealed record MediaPlaceholder(string Text, string Anchor)
{
    /// <summary>
    /// By <c>model_type</c> of config.json, as vLLM's models answer <c>get_placeholder_str</c>
    /// (https://github.com/vllm-project/vllm, <c>vllm/model_executor/models</c>). A new model is one row.
    /// </summary>
    private static readonly (string Text, string Anchor, string[] Types)[] Images =
    [
        ("<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>",
            ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen3_omni_moe", "qwen4_exp", "cosmos3_edge", "keye",
                "llavaonevision2"]),
        ("<|vision_start|><|IMAGE|><|vision_end|>", "<|IMAGE|>", ["qwen2_5_omni"]),
        ("<image>", "<image>",
            ["llava", "llava_next", "llava_onevision", "idefics3", "smolvlm", "lfm2_vl", "granite4_vision", "nemotron_h_omni", "qianfan_ocr",
                "internvl_chat", "h2ovl_chat", "nvlm_d", "deepseek_vl_v2", "deepseek_ocr"]),
        ("<IMG_CONTEXT>", "<IMG_CONTEXT>", ["internvl", "interns1"]),
        ("<start_of_image>", "<start_of_image>", ["gemma3", "shieldgemma2"]),
        ("<image_soft_token>", "<image_soft_token>", ["gemma3n"]),
        ("<|image|>", "<|image|>", ["llama4", "molmo2", "gemma4", "gemma4_unified"]),
        ("<|begin_of_image|><|image|><|end_of_image|>", "<|image|>", ["glm4v", "glm4v_moe", "glm_ocr", "glm5_next"]),
        ("<|image_pad|>", "<|image_pad|>", ["minicpmv4_6", "minicpmv4_7"]),
        ("<|image_{0}|>", "", ["phi3_v", "phi4mm"]),
        ("<|media_start|>image<|media_content|><|media_pad|><|media_end|>", "<|media_pad|>", ["kimi_vl"]),
        ("<|media_begin|>image<|media_content|><|media_pad|><|media_end|>", "<|media_pad|>", ["kimi_k25"]),
        ("<|kimi_image_placeholder|>", "<|kimi_image_placeholder|>", ["kimi_k3"]),
        ("<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>", "<|IMAGE_PLACEHOLDER|>", ["paddleocr_vl"]),
        ("<|IMAGE_START|><|image@placeholder|><|IMAGE_END|>", "<|image@placeholder|>", ["ernie4_5_vl_moe"]),
        ("<|VISION_START|><|IMAGE_PAD|><|VISION_END|>", "<|IMAGE_PAD|>", ["cohere_compass"]),
        ("<vision><|image_pad|></vision>", "<|image_pad|>", ["exaone4_5"]),
        ("<|fim_prefix|><|img|><|fim_suffix|>", "<|img|>", ["aria"]),
        ("<|img|><|imgpad|><|endofimg|>", "<|imgpad|>", ["dots_ocr", "dots3_note"]),
        ("]<]image[>[", "]<]image[>[", ["minimax_m3_vl"]),
        ("<|patch|>", "<|patch|>", ["muse_glimmer"]),
        ("<im_patch>", "<im_patch>", ["step3p7", "step3_vl"]),
        ("[IMG]", "[IMG]", ["pixtral", "mistral3"]),
    ];

    private static readonly (string Text, string Anchor, string[] Types)[] Videos =
    [
        ("<|vision_start|><|video_pad|><|vision_end|>", "<|video_pad|>",
            ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen3_omni_moe"]),
        ("<video>", "<video>", ["llava_next_video", "llava_onevision"]),
    ];

    private static readonly Dictionary<(MediaKind, string), MediaPlaceholder> Known = Build();

    public static MediaPlaceholder? For(MediaKind kind, string? modelType) =>
        modelType is not null && Known.TryGetValue((kind, modelType), out var placeholder) ? placeholder : null;

    /// <summary>The same, with what the options say about images in front.</summary>
    public static MediaPlaceholder? For(MediaKind kind, string? modelType, VllmGrpcOptions settings)
    {
        var known = For(kind, modelType);
        if (kind != MediaKind.Image || (settings.ImagePlaceholder is null && settings.ImageToken is null))
        {
            return known;
        }

        var text = settings.ImagePlaceholder ?? known?.Text ?? settings.ImageToken!;
        return new MediaPlaceholder(text, settings.ImageToken ?? known?.Anchor ?? text);
    }

    /// <summary>The placeholder of the item with the given number, from 1.</summary>
    public string Number(int number) =>
        Text.Replace("{0}", number.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>The anchor's token id, or null when the tokenizer has no such token (or the anchor differs per item).</summary>
    public int? AnchorId(VllmTokenizer tokenizer) => Anchor.Length == 0 ? null : tokenizer.TokenToId(Anchor);

    private static Dictionary<(MediaKind, string), MediaPlaceholder> Build()
    {
        var known = new Dictionary<(MediaKind, string), MediaPlaceholder>();
        foreach ((var text, var anchor, var types) in Images)
        {
            Array.ForEach(types, type => known[(MediaKind.Image, type)] = new MediaPlaceholder(text, anchor));
        }

        foreach ((var text, var anchor, var types) in Videos)
        {
            Array.ForEach(types, type => known[(MediaKind.Video, type)] = new MediaPlaceholder(text, anchor));
        }

        return known;
    }
}
