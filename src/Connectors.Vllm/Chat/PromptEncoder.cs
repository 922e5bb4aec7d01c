using System.Globalization;
using System.Runtime.InteropServices;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>Prompt text to token ids: content cannot inject control tokens, media have exactly one anchor each, long prompts can be cut.</summary>
internal static class PromptEncoder
{
    /// <exception cref="VllmRequestException">Anchors and media do not match, or the prompt is longer than the context.</exception>
    public static int[] Encode(VllmModelProfile profile, VllmGrpcOptions settings, PromptRenderer renderer, ChatPrompt prompt, VllmExtras extras)
    {
        int? image = AnchorId(profile, settings, MediaKind.Image, profile.Config.ImageTokenId);
        int? video = AnchorId(profile, settings, MediaKind.Video, profile.Config.VideoTokenId);
        bool open = extras.AllowControlTokens ?? settings.AllowControlTokensInContent;
        ReadOnlySpan<int> anchors = (image, video) switch
        {
            (int first, int second) => [first, second],
            (int first, null) => [first],
            (null, int second) => [second],
            _ => [],
        };
        int[] ids = open
            ? profile.Tokenizer.Encode(prompt.Text.AsSpan())
            : profile.Tokenizer.Encode(prompt.Text, Ranges(prompt.Content), [.. anchors, .. renderer.StructureTokens(profile.Tokenizer)]);
        CheckAnchors(prompt, ids, MediaKind.Image, image);
        CheckAnchors(prompt, ids, MediaKind.Video, video);
        if (extras.TruncatePromptTokens is int keep && ids.Length > keep)
        {
            ids = ids[^keep..];
            CheckAnchors(prompt, ids, MediaKind.Image, image);
        }

        return Bounded(profile, ids);
    }

    /// <summary>A raw prompt: whoever writes it means its control tokens.</summary>
    public static int[] EncodeRaw(VllmModelProfile profile, string text, VllmExtras extras)
    {
        int[] ids = profile.Tokenizer.Encode(text.AsSpan(), addSpecialTokens: true);
        return Bounded(profile, extras.TruncatePromptTokens is int keep && ids.Length > keep ? ids[^keep..] : ids);
    }

    private static int[] Bounded(VllmModelProfile profile, int[] ids)
    {
        if (ids.Length == 0)
        {
            throw new VllmRequestException("The prompt is empty: it has no tokens at all.") { StatusCode = VllmStatusCode.InvalidArgument };
        }

        if (profile.ContextLength is int context && ids.Length >= context)
        {
            throw new VllmRequestException(string.Create(
                CultureInfo.InvariantCulture,
                $"The prompt has {ids.Length} tokens, but the context of '{profile.ModelId}' holds {context} with at least one for the answer. Shorten the history (TruncatePromptTokens cuts its beginning)."))
            {
                StatusCode = VllmStatusCode.InvalidArgument,
                Parameter = nameof(GenerationRequest.PromptIds),
            };
        }

        return ids;
    }

    private static ReadOnlySpan<Range> Ranges(IReadOnlyList<Range> content) => content switch
    {
        Range[] array => array,
        List<Range> list => CollectionsMarshal.AsSpan(list),
        _ => content.ToArray(),
    };

    private static int? AnchorId(VllmModelProfile profile, VllmGrpcOptions settings, MediaKind kind, int? configured) =>
        MediaPlaceholder.For(kind, profile.ModelType, settings) is { } placeholder ? placeholder.AnchorId(profile.Tokenizer) : configured;

    /// <summary>Servers take a surplus of anchors silently and answer about the wrong picture, so the count is checked here.</summary>
    private static void CheckAnchors(ChatPrompt prompt, int[] ids, MediaKind kind, int? anchor)
    {
        int items = prompt.Media.Count(item => item.Kind == kind);
        if (anchor is not int id)
        {
            return;
        }

        int anchors = ids.AsSpan().Count(id);
        if (anchors == items)
        {
            return;
        }

        string name = kind.ToString().ToLowerInvariant();
        throw new VllmRequestException(string.Create(
            CultureInfo.InvariantCulture,
            $"The prompt holds {anchors} {name} anchors (token {id}) for {items} {name} items. The chat template does not print one anchor per item; ")
            + (anchors > items
                ? "text of a message may have been read as an anchor (AllowControlTokensInContent), or the template prints the expanded form."
                : "the model may not take this kind of content, or its template needs VllmGrpcOptions.ImagePlaceholder and ImageToken, or ContentFormat."))
        {
            StatusCode = VllmStatusCode.InvalidArgument,
            Parameter = nameof(GenerationRequest.Media),
        };
    }
}
