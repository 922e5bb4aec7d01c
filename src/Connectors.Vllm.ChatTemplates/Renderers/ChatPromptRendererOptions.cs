using System.Globalization;
using Connectors.Vllm.ChatTemplates.Renderers;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The options of the native renderers; each renderer uses only its own.</summary>
internal sealed record ChatPromptRendererOptions
{
    /// <summary>
    /// The date in a gpt-oss prompt; null for the local date of the input's clock. A fixed date keeps the server's prefix cache valid over midnight.
    /// </summary>
    public DateOnly? HarmonyDate { get; init; }

    /// <summary>
    /// The prompt format of a model whose reference is mistral-common, from its tokenizer file; null to use the model's chat template.
    /// </summary>
    public MistralPromptOptions? Mistral { get; init; }
}

/// <summary>
/// The options of Mistral's prompt format, from the tokenizer file (tekken.json, or tokenizer.model.v3 and similar). See
/// https://github.com/mistralai/mistral-common.
/// </summary>
internal sealed record MistralPromptOptions
{
    /// <summary>The prompt format's version.</summary>
    public required MistralPromptVersion Version { get; init; }

    /// <summary>
    /// The reasoning efforts of the model (v15: <c>model_settings_builder.reasoning_effort.values</c>); empty when it has no such setting.
    /// </summary>
    public IReadOnlyList<string> ReasoningEfforts { get; init; } = [];

    /// <summary>The effort if a request sets none; null writes no effort.</summary>
    public string? DefaultReasoningEffort { get; init; }

    /// <summary>How images are written; null if the model does not accept images.</summary>
    public MistralImageOptions? Images { get; init; }

    /// <summary>
    /// The options that a file name states, such as <c>tokenizer.model.v3</c> or <c>tokenizer.model.v7m1</c>; null when it names no supported version
    /// (v1 and v2 have no renderer; their template renders them).
    /// </summary>
    /// <param name="fileName">Name of the SentencePiece file.</param>
    public static MistralPromptOptions? FromFileName(string fileName)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        return ParseVersion(fileName[(fileName.LastIndexOf('.') + 1)..]) is { } version ? new MistralPromptOptions { Version = version } : null;
    }

    /// <summary>Reads the options from a tekken.json; the vocabulary in it is skipped. Null when its version has no renderer.</summary>
    /// <param name="utf8Json">The whole file, UTF-8.</param>
    /// <exception cref="ChatTemplateException">The text is not a JSON object, or states no version.</exception>
    public static MistralPromptOptions? FromTekken(ReadOnlySpan<byte> utf8Json) => TekkenPromptReader.Read(utf8Json);

    internal static MistralPromptVersion? ParseVersion(string text)
    {
        var digits = text.StartsWith('v') ? text.AsSpan(1) : default;
        var end = digits.IndexOfAnyExceptInRange('0', '9');
        var number = int.TryParse(end < 0 ? digits : digits[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : 0;
        return Enum.IsDefined((MistralPromptVersion)number) ? (MistralPromptVersion)number : null;
    }
}

/// <summary>Version of Mistral's prompt format, as <c>config.version</c> of tekken.json or the ending of tokenizer.model.v* states it.</summary>
internal enum MistralPromptVersion
{
    /// <summary>v3 (Mistral 7B v0.3, Mixtral, Nemo): no system token; tools and the system prompt go before and into the last user message.</summary>
    V3 = 3,

    /// <summary>v7 (Mistral Large 2411, Small 2501): system prompts have tokens.</summary>
    V7 = 7,

    /// <summary>v11 (Small 3.2): one <c>[TOOL_CALLS]</c> per call, with its id.</summary>
    V11 = 11,

    /// <summary>
    /// v13 (Magistral, Devstral 2507, Ministral 3): reasoning in <c>[THINK]</c>, calls without ids, tools before the first user message.
    /// </summary>
    V13 = 13,

    /// <summary>v15: model settings such as the reasoning effort.</summary>
    V15 = 15,
}

/// <summary>How images are written in Mistral prompts.</summary>
internal sealed record MistralImageOptions
{
    /// <summary>Side of a patch in pixels (<c>image_patch_size</c>).</summary>
    public int PatchSize { get; init; } = 16;

    /// <summary>Patches per side that become one token (<c>spatial_merge_size</c>).</summary>
    public int SpatialMergeSize { get; init; } = 1;

    /// <summary>The longest side in pixels; larger images are scaled down (<c>max_image_size</c>).</summary>
    public int MaxImageSize { get; init; } = 1024;

    /// <summary>
    /// true: every image becomes its whole grid of tokens, as mistral-common writes it; its size must be readable from a data URL (PNG, JPEG,
    /// GIF, WebP). false: every image is one <c>[IMG]</c>, for servers that expand it themselves.
    /// </summary>
    public bool WritesGrid { get; init; } = true;
}
