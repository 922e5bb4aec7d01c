using System.Text.Json;
using Connectors.Vllm.ChatTemplates.Syntax;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// The prompt of models whose reference is mistral-common (https://github.com/mistralai/mistral-common). Control tokens are written as their
/// text; everything else is content. There is no generation prompt: the prompt ends with <c>[/INST]</c> or a tool result.
/// </summary>
internal sealed class MistralRenderer(MistralPromptOptions options) : ChatPromptRenderer
{
    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        var request = PromptRequest.Read(input);
        request.RequireAssistantToContinue();
        if (request.AddGenerationPrompt && request.Messages.Count > 0 && request.Messages[^1].Role == "assistant")
        {
            throw new ChatTemplateException("add_generation_prompt cannot be set when the last message is from the assistant.");
        }

        RefuseOptions(request);
        List<MistralMessage> messages = [.. request.Messages.Select(MistralMessage.Read)];
        new MistralValidator(options.Version, request.ContinueFinalMessage).Check(messages, request.Tools);
        var settings = ReadSettings(request);
        var (turns, system) = new MistralNormalizer(options.Version).Normalize(messages);
        return new MistralEncoder(options, request.Tools, settings, system).Encode(turns, request.ContinueFinalMessage);
    }

    /// <summary>Refuses options, because there is no template to read them, except those that only repeat the effort.</summary>
    private static void RefuseOptions(PromptRequest request)
    {
        var effort = request.Kwarg("reasoning_effort")?.StringOrNull;
        foreach (var name in request.KwargNames)
        {
            var repeatsEffort = name is "enable_thinking" or "thinking" && effort is not null
                && request.RawKwarg(name)!.Kind == (effort == "none" ? PromptValueKind.False : PromptValueKind.True);
            if (name != "reasoning_effort" && !repeatsEffort)
            {
                throw new ChatTemplateException(
                    $"Mistral's prompt format does not accept template arguments (chat_template_kwargs), but '{name}' is set: "
                    + "remove it, or use the model's Jinja template.");
            }
        }
    }

    private string? ReadSettings(PromptRequest request)
    {
        if (options.Version < MistralPromptVersion.V15)
        {
            return null;
        }

        var effort = request.Kwarg("reasoning_effort");
        if (effort is not null && (effort.StringOrNull is not { } name || !options.ReasoningEfforts.Contains(name)))
        {
            var known = string.Join(", ", options.ReasoningEfforts.DefaultIfEmpty("of no request"));
            throw new ChatTemplateException($"The model supports the reasoning_effort {known}; got {JsonText.Of(effort, JsonStyle.Python)}.");
        }

        return effort?.Text ?? options.DefaultReasoningEffort;
    }
}

/// <summary>Reads the prompt options from a tekken.json without loading its vocabulary.</summary>
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
            throw new ChatTemplateException("tekken.json must contain a JSON object.");
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

        var text = config?["version"]?.StringOrNull ?? throw new ChatTemplateException("tekken.json has no config.version.");
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
