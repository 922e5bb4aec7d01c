using System.Globalization;
using System.Runtime.InteropServices;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;
using Grpc.Core;

namespace Connectors.Vllm;

/// <summary>Encodes a prompt so that content cannot inject control tokens, and checks that each media item has exactly one anchor.</summary>
internal static class PromptEncoder
{
    /// <exception cref="VllmRequestException">Anchors and media do not match.</exception>
    public static int[] Encode(
        VllmModelProfile profile, VllmGrpcOptions settings, ChatPrompt prompt, VllmExtras extras, CancellationToken cancellationToken)
    {
        var anchors = GetAnchors(profile, settings);
        var allowControlTokens = extras.Get(VllmOptions.AllowControlTokens) ?? settings.AllowControlTokensInContent;
        var ids = allowControlTokens
            ? BoundaryEncoder.Encode(profile.Tokenizer, prompt.Text, [], prompt.Boundaries, [], cancellationToken)
            : BoundaryEncoder.Encode(
                profile.Tokenizer, prompt.Text, prompt.Content, prompt.Boundaries, AllowedInContent(profile, settings), cancellationToken);
        CheckAnchors(prompt, ids, anchors);
        return ids;
    }

    /// <summary>Unknown tokens are ignored, because options may be shared by several models.</summary>
    private static int[] AllowedInContent(VllmModelProfile profile, VllmGrpcOptions settings) =>
        [.. settings.TokensAllowedInContent.Select(profile.Tokenizer.TokenToId).OfType<int>()];

    /// <summary>Encodes a raw prompt, in which control tokens are intended.</summary>
    public static int[] EncodeRaw(VllmModelProfile profile, string text, CancellationToken cancellationToken) =>
        profile.Tokenizer.Encode(text.AsSpan(), addSpecialTokens: true, cancellationToken);

    /// <summary>
    /// Gets the known anchor tokens by kind. A kind with an unknown anchor cannot be checked by the client; the server checks its own.
    /// </summary>
    private static (MediaKind Kind, int Id)[] GetAnchors(VllmModelProfile profile, VllmGrpcOptions settings)
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

    /// <summary>Servers silently accept surplus anchors and answer about the wrong image, so the client checks the count.</summary>
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

/// <summary>
/// Encodes the pieces of a prompt between its boundaries separately, so that no token crosses one. Most prompts have no boundaries.
/// </summary>
internal static class BoundaryEncoder
{
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="text">The prompt.</param>
    /// <param name="content">Ranges in which no control token is recognized, in UTF-16 code units; sorted and not overlapping.</param>
    /// <param name="boundaries">Ascending offsets in the text, in UTF-16 code units.</param>
    /// <param name="allowedInContent">Ids of added tokens that are recognized in content anyway.</param>
    /// <param name="cancellationToken">Cancels the encoding of a long text.</param>
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
