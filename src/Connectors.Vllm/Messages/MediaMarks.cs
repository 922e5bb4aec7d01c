using System.Security.Cryptography;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// Marks that represent media in string content until the prompt is rendered. They contain a random number generated at process start, so that
/// messages cannot forge them and placeholders inserted by this class are distinguished from text of users.
/// </summary>
internal static class MediaMarks
{
    private const char Begin = '\uE0F5';
    private const char End = '\uE0F6';

    private static readonly string Nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>The marks in a text.</summary>
    public static IEnumerable<(string Text, int Index)> In(string text)
    {
        var prefix = $"{Begin}{Nonce}-";
        for (var at = text.IndexOf(prefix, StringComparison.Ordinal); at >= 0; at = text.IndexOf(prefix, at + 1, StringComparison.Ordinal))
        {
            var end = text.IndexOf(End, at);
            if (end < 0 || !int.TryParse(text.AsSpan((at + prefix.Length)..end), out var index))
            {
                yield break;
            }

            yield return (text[at..(end + 1)], index);
        }
    }

    public static string For(int index) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Begin}{Nonce}-{index}{End}");

    /// <summary>Replaces the marks with placeholders, which are excluded from the content ranges because they may become control tokens.</summary>
    public static (string Text, IReadOnlyList<Range> Content) Replace(string text, IReadOnlyList<Range> content, IReadOnlyList<string> placeholders)
    {
        if (placeholders.Count == 0)
        {
            return (text, content);
        }

        var output = new System.Text.StringBuilder(text.Length);
        var cuts = new List<(int At, int Length, int NewAt, int NewLength)>();
        var prefix = $"{Begin}{Nonce}-";
        var position = 0;
        while (text.IndexOf(prefix, position, StringComparison.Ordinal) is int at and >= 0 && text.IndexOf(End, at) is int end and >= 0)
        {
            if (!int.TryParse(text.AsSpan(at + prefix.Length, end - at - prefix.Length), out var index) || index >= placeholders.Count)
            {
                break;
            }

            output.Append(text, position, at - position);
            cuts.Add((at, end + 1 - at, output.Length, placeholders[index].Length));
            output.Append(placeholders[index]);
            position = end + 1;
        }

        output.Append(text, position, text.Length - position);
        return (output.ToString(), Cut(content, cuts, text.Length));
    }

    private static List<Range> Cut(IReadOnlyList<Range> content, List<(int At, int Length, int NewAt, int NewLength)> cuts, int length)
    {
        var result = new List<Range>(content.Count + cuts.Count);
        foreach (var range in content)
        {
            var start = range.Start.GetOffset(length);
            var end = range.End.GetOffset(length);
            foreach ((var at, var cutLength, _, _) in cuts)
            {
                if (at >= end || at + cutLength <= start)
                {
                    continue;
                }

                if (at > start)
                {
                    result.Add(Shift(start, cuts)..Shift(at, cuts));
                }

                start = Math.Min(at + cutLength, end);
            }

            if (start < end)
            {
                result.Add(Shift(start, cuts)..Shift(end, cuts));
            }
        }

        return result;
    }

    /// <summary>Gets the new position of a position outside all marks.</summary>
    private static int Shift(int position, List<(int At, int Length, int NewAt, int NewLength)> cuts)
    {
        var delta = 0;
        foreach ((var at, var cutLength, var newAt, var newLength) in cuts)
        {
            if (at + cutLength > position)
            {
                break;
            }

            delta = newAt + newLength - (at + cutLength);
        }

        return position + delta;
    }
}

/// <summary>The placeholder of a model for media in a prompt.</summary>
/// <param name="Text">The text per item that templates with string content need; <c>{0}</c> is the one-based number of the item.</param>
/// <param name="Anchor">The token that the server's processor expands.</param>
internal sealed record MediaPlaceholder(string Text, string Anchor)
{
    /// <summary>
    /// By <c>model_type</c> in config.json, as returned by <c>get_placeholder_str</c> of vLLM's models (https://github.com/vllm-project/vllm,
    /// <c>vllm/model_executor/models</c>). A new model is one row.
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

    /// <summary>Gets the placeholder; the options for images take precedence.</summary>
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

    /// <summary>Gets the placeholder of the item with the given one-based number.</summary>
    public string Number(int number) =>
        Text.Replace("{0}", number.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>Gets the anchor's token id, or null if the tokenizer has no such token (or the anchor differs per item).</summary>
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
