using System.Globalization;
using System.Runtime.InteropServices;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;
using Grpc.Core;

namespace Connectors.Vllm;

/// <summary>Prompt text to token ids: content cannot inject control tokens, media have exactly one anchor each.</summary>
internal static class PromptEncoder
{
    /// <exception cref="VllmRequestException">Anchors and media do not match.</exception>
    public static int[] Encode(
        VllmModelProfile profile, VllmGrpcOptions settings, ChatPrompt prompt, VllmExtras extras, CancellationToken cancellationToken)
    {
        var anchors = AnchorsOf(profile, settings);
        var open = extras.Get(VllmOptions.AllowControlTokens) ?? settings.AllowControlTokensInContent;
        var ids = open
            ? BoundaryEncoder.Encode(profile.Tokenizer, prompt.Text, [], prompt.Boundaries, [], cancellationToken)
            : BoundaryEncoder.Encode(
                profile.Tokenizer, prompt.Text, prompt.Content, prompt.Boundaries, AllowedInContent(profile, settings), cancellationToken);
        CheckAnchors(prompt, ids, anchors);
        return ids;
    }

    /// <summary>Names that this model does not know say nothing: options may be shared by several models.</summary>
    private static int[] AllowedInContent(VllmModelProfile profile, VllmGrpcOptions settings) =>
        [.. settings.TokensAllowedInContent.Select(profile.Tokenizer.TokenToId).OfType<int>()];

    /// <summary>A raw prompt: whoever writes it means its control tokens.</summary>
    public static int[] EncodeRaw(VllmModelProfile profile, string text, CancellationToken cancellationToken) =>
        profile.Tokenizer.Encode(text.AsSpan(), addSpecialTokens: true, cancellationToken);

    /// <summary>
    /// The anchor tokens that are known, by kind. A kind whose anchor is not known cannot be checked here; the server counts its own.
    /// </summary>
    private static (MediaKind Kind, int Id)[] AnchorsOf(VllmModelProfile profile, VllmGrpcOptions settings)
    {
        ReadOnlySpan<(MediaKind Kind, int? Configured)> kinds =
        [
            (MediaKind.Image, profile.Config.ImageTokenId), (MediaKind.Video, profile.Config.VideoTokenId),
            (MediaKind.Audio, profile.Config.AudioTokenId),
        ];
        var anchors = new List<(MediaKind, int)>(kinds.Length);
        foreach ((var kind, var configured) in kinds)
        {
            if ((MediaPlaceholder.For(kind, profile.ModelType, settings) is { } placeholder
                ? placeholder.AnchorId(profile.Tokenizer)
                : configured) is int id)
            {
                anchors.Add((kind, id));
            }
        }

        return [.. anchors];
    }

    private static void CheckAnchors(ChatPrompt prompt, int[] ids, (MediaKind Kind, int Id)[] anchors)
    {
        foreach ((var kind, var id) in anchors)
        {
            CheckAnchors(prompt, ids, kind, id);
        }
    }

    /// <summary>Servers take a surplus of anchors silently and answer about the wrong picture, so the count is checked here.</summary>
    private static void CheckAnchors(ChatPrompt prompt, int[] ids, MediaKind kind, int id)
    {
        var items = prompt.Media.Count(item => item.Kind == kind);
        var anchors = ids.AsSpan().Count(id);
        if (anchors == items)
        {
            return;
        }

        var name = kind.ToString().ToLowerInvariant();
        throw new VllmRequestException(string.Create(
            CultureInfo.InvariantCulture,
            $"The prompt contains {anchors} {name} placeholder tokens ({id}) for {items} {name} items; the chat template must write one per item: ")
            + (anchors > items
                ? "text of a message may have been read as one (AllowControlTokensInContent), or the template writes the expanded form."
                : "the model may not support this kind of content, or its template needs VllmGrpcOptions.ImagePlaceholder and ImageToken, or "
                    + "ContentFormat."))
        {
            StatusCode = StatusCode.InvalidArgument,
            Parameter = nameof(GenerationRequest.Media),
        };
    }
}

/// <summary>Encodes a prompt piece by piece between its boundaries, so that no token crosses one. Most prompts have none and are one piece.</summary>
internal static class BoundaryEncoder
{
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="text">The prompt.</param>
    /// <param name="content">Ranges in which no control token is recognised, in UTF-16 units; sorted, not overlapping.</param>
    /// <param name="boundaries">Offsets in UTF-16 units; rising, inside the text.</param>
    /// <param name="allowedInContent">Ids of added tokens that are recognised in content all the same.</param>
    /// <param name="cancellationToken">Ends the work on a long text.</param>
    public static int[] Encode(
        VllmTokenizer tokenizer,
        string text,
        IReadOnlyList<Range> content,
        IReadOnlyList<int> boundaries,
        ReadOnlySpan<int> allowedInContent,
        CancellationToken cancellationToken = default)
    {
        if (boundaries.Count == 0)
        {
            return tokenizer.Encode(text, AsSpan(content), allowedInContent, cancellationToken: cancellationToken);
        }

        var ids = new List<int>();
        var inside = new List<Range>();
        var range = 0;
        var start = 0;
        foreach (var end in boundaries.Append(text.Length))
        {
            inside.Clear();
            for (; range < content.Count; range++)
            {
                (var offset, var length) = content[range].GetOffsetAndLength(text.Length);
                if (offset >= end)
                {
                    break;
                }

                inside.Add((Math.Max(offset, start) - start)..(Math.Min(offset + length, end) - start));
                if (offset + length > end)
                {
                    break; // It goes on behind the boundary.
                }
            }

            ids.AddRange(
                tokenizer.Encode(
                    text.AsSpan(start, end - start), CollectionsMarshal.AsSpan(inside), allowedInContent, cancellationToken: cancellationToken));
            start = end;
        }

        return [.. ids];
    }

    private static ReadOnlySpan<Range> AsSpan(IReadOnlyList<Range> content) => content switch
    {
        Range[] array => array,
        List<Range> list => CollectionsMarshal.AsSpan(list),
        _ => content.ToArray(),
    };
}
