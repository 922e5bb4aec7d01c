namespace Connectors.Vllm.ChatTemplates;

/// <summary>How Mistral prompts show images.</summary>
public sealed record MistralImageOptions
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
