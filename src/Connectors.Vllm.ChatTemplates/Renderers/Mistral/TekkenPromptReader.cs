using System.Text.Json;
using Connectors.Vllm.ChatTemplates.Syntax;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Reads what the prompt needs from a tekken.json without keeping its vocabulary.</summary>
internal static class TekkenPromptReader
{
    /// <inheritdoc cref="MistralPromptOptions.FromTekken"/>
    public static MistralPromptOptions? Read(ReadOnlySpan<byte> utf8Json)
    {
        try
        {
            return ReadRoot(utf8Json);
        }
        catch (JsonException exception)
        {
            throw new ChatTemplateException($"tekken.json is not valid JSON: {exception.Message}", exception);
        }
    }

    private static MistralPromptOptions? ReadRoot(ReadOnlySpan<byte> utf8Json)
    {
        var reader = new Utf8JsonReader(utf8Json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ChatTemplateException("tekken.json must hold a JSON object.");
        }

        PromptValue? config = null, image = null, settings = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "config":
                    config = ReadValue(ref reader);
                    break;
                case "image" or "multimodal":
                    image = ReadValue(ref reader);
                    break;
                case "model_settings_builder":
                    settings = ReadValue(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        var text = config?["version"]?.StringOrNull ?? throw new ChatTemplateException("tekken.json states no config.version.");
        var effort = settings?["reasoning_effort"];
        return MistralPromptOptions.ParseVersion(text) is not { } version ? null : new MistralPromptOptions
        {
            Version = version,
            ReasoningEfforts = [.. effort?["values"]?.Items.Select(item => item.StringOrNull).OfType<string>() ?? []],
            DefaultReasoningEffort = effort?["default"]?.StringOrNull,
            Images = image is { IsObject: true } ? ReadImages(image) : null,
        };
    }

    private static PromptValue ReadValue(ref Utf8JsonReader reader)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return PromptValueReader.Read(document.RootElement, "tekken.json");
    }

    private static MistralImageOptions ReadImages(PromptValue image)
    {
        var defaults = new MistralImageOptions();
        return new MistralImageOptions
        {
            PatchSize = Positive(image["image_patch_size"], defaults.PatchSize),
            SpatialMergeSize = Positive(image["spatial_merge_size"], defaults.SpatialMergeSize),
            MaxImageSize = Positive(image["max_image_size"], defaults.MaxImageSize),
        };
    }

    private static int Positive(PromptValue? value, int fallback) => value is { IsInteger: true } && value.AsDouble() is >= 1 and <= 65536
        ? (int)value.AsDouble()
        : fallback;
}
