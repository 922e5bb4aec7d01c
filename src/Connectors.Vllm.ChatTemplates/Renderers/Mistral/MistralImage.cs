namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Writes an image as the grid of tokens that its pixels will fill.</summary>
internal static class MistralImage
{
    /// <exception cref="ChatTemplateException">The model takes no images, or the image's size cannot be read.</exception>
    public static void Append(PromptBuilder prompt, string url, MistralImageOptions? options)
    {
        if (options is null)
        {
            throw new ChatTemplateException("The model's tokenizer file describes no images: this Mistral model takes none.");
        }

        if (!options.WritesGrid)
        {
            prompt.Markup("[IMG]");
            return;
        }

        var (width, height) = ImageSize.OfDataUrl(url) ?? throw new ChatTemplateException(
            "The size of an image could not be read; give it as a data URL with a PNG, JPEG, GIF or WebP image.");
        var scale = Math.Max(1.0, Math.Max(width, height) / (double)options.MaxImageSize);
        var patch = options.PatchSize * options.SpatialMergeSize;
        var columns = Patches(width, scale, patch);
        var rows = Patches(height, scale, patch);
        for (var row = 1; row <= rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                prompt.Markup("[IMG]");
            }

            prompt.Markup(row == rows ? "[IMG_END]" : "[IMG_BREAK]");
        }
    }

    private static int Patches(int side, double scale, int patch)
    {
        var scaled = scale > 1 ? Math.Max(1, (int)Math.Round(side / scale, MidpointRounding.ToEven)) : side;
        return ((scaled - 1) / patch) + 1;
    }
}
