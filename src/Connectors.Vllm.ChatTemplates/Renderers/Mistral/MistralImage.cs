using System.Buffers.Binary;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Writes an image as a grid of tokens that corresponds to its size.</summary>
internal static class MistralImage
{
    /// <exception cref="ChatTemplateException">The model does not accept images, or the image's size cannot be read.</exception>
    public static void Append(PromptBuilder prompt, string url, MistralImageOptions? options)
    {
        if (options is null)
        {
            throw new ChatTemplateException("The model's tokenizer file does not describe images: this Mistral model does not accept them.");
        }

        if (!options.WritesGrid)
        {
            prompt.Markup("[IMG]");
            return;
        }

        var (width, height) = ImageSize.OfDataUrl(url) ?? throw new ChatTemplateException(
            "The size of an image could not be read; pass it as a data URL with a PNG, JPEG, GIF or WebP image.");
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

/// <summary>Width and height from the first bytes of an image file.</summary>
internal static class ImageSize
{
    /// <summary>Gets the size of the image in a base64 data URL, or null if it cannot be read.</summary>
    public static (int Width, int Height)? OfDataUrl(string url)
    {
        const string Mark = ";base64,";
        var start = url.StartsWith("data:", StringComparison.OrdinalIgnoreCase) ? url.IndexOf(Mark, StringComparison.OrdinalIgnoreCase) : -1;
        if (start < 0)
        {
            return null;
        }

        var encoded = url.AsSpan(start + Mark.Length);
        var bytes = new byte[(encoded.Length / 4 * 3) + 3];
        var size = Convert.TryFromBase64Chars(encoded, bytes, out var length) ? Of(bytes.AsSpan(0, length)) : null;
        return size is { Width: > 0, Height: > 0 } ? size : null;
    }

    private static (int Width, int Height)? Of(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 24 && file[0] == 0x89 && file[1..4].SequenceEqual("PNG"u8))
        {
            return (BinaryPrimitives.ReadInt32BigEndian(file[16..]), BinaryPrimitives.ReadInt32BigEndian(file[20..]));
        }

        if (file.Length >= 10 && file.StartsWith("GIF8"u8))
        {
            return (BinaryPrimitives.ReadUInt16LittleEndian(file[6..]), BinaryPrimitives.ReadUInt16LittleEndian(file[8..]));
        }

        if (file.Length >= 30 && file.StartsWith("RIFF"u8) && file[8..12].SequenceEqual("WEBP"u8))
        {
            return OfWebP(file);
        }

        return file.Length >= 4 && file[0] == 0xFF && file[1] == 0xD8 ? OfJpeg(file) : null;
    }

    private static (int Width, int Height)? OfWebP(ReadOnlySpan<byte> file) => file[15] switch
    {
        (byte)' ' => (BinaryPrimitives.ReadUInt16LittleEndian(file[26..]) & 0x3FFF, BinaryPrimitives.ReadUInt16LittleEndian(file[28..]) & 0x3FFF),
        (byte)'L' when BinaryPrimitives.ReadUInt32LittleEndian(file[21..]) is var bits =>
            ((int)(bits & 0x3FFF) + 1, (int)((bits >> 14) & 0x3FFF) + 1),
        (byte)'X' => ((file[24] | (file[25] << 8) | (file[26] << 16)) + 1, (file[27] | (file[28] << 8) | (file[29] << 16)) + 1),
        _ => null,
    };

    private static (int Width, int Height)? OfJpeg(ReadOnlySpan<byte> file)
    {
        for (var position = 2; position + 9 < file.Length;)
        {
            if (file[position] != 0xFF)
            {
                return null;
            }

            var marker = file[position + 1];
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                return (BinaryPrimitives.ReadUInt16BigEndian(file[(position + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(file[(position + 5)..]));
            }

            position += marker == 0xFF ? 1 : 2 + BinaryPrimitives.ReadUInt16BigEndian(file[(position + 2)..]);
        }

        return null;
    }
}
