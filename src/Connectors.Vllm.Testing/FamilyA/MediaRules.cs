using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>Media references as family A checks them. Images are not decoded beyond their first bytes, and nothing is fetched.</summary>
internal sealed class MediaRules(ServerState state)
{
    private const int MaxInlineBytes = 33_554_432;
    private static readonly string[] Schemes = ["data", "http", "https"];

    /// <summary>Prompt tokens that the media add beyond their anchors.</summary>
    public int ExtraTokens(GenerateRequest message, ReadOnlySpan<int> prompt)
    {
        if (message.MediaRefs is not { } media)
        {
            return 0;
        }

        if (!state.Options.AcceptsMedia)
        {
            throw RpcFailure.Invalid(
                "media_refs sent but --mm-processor (SMG_VLLM_MM_PROCESSOR) is off on this worker; check the router's --mm-processing and this worker's mm_processor label");
        }

        if (message.InputCase != GenerateRequest.InputOneofCase.Tokenized || message.MmInputs is not null)
        {
            throw RpcFailure.Invalid("media_refs requires tokenized input and cannot be combined with preprocessed multimodal inputs");
        }

        if (media.Items.Count == 0)
        {
            throw RpcFailure.Invalid("media_refs is set but carries no items");
        }

        if (media.Items.Count > state.Options.MaxImages)
        {
            throw RpcFailure.Invalid(string.Create(
                CultureInfo.InvariantCulture,
                $"media_refs carries {media.Items.Count} image items, above this worker's limit of {state.Options.MaxImages} (--limit-mm-per-prompt, or SMG_VLLM_MM_MAX_ITEMS to override)"));
        }

        for (var i = 0; i < media.Items.Count; i++)
        {
            CheckItem(i, media.Items[i]);
        }

        var anchor = state.Model.Tokenizer.TokenToId(state.Options.ImageAnchor)
            ?? throw RpcFailure.Internal($"the anchor {state.Options.ImageAnchor} is not a token of this model");
        var anchors = prompt.Count(anchor);
        if (anchors < media.Items.Count)
        {
            throw RpcFailure.Internal($"Failed to apply prompt replacement for mm_items['image'][{anchors}]");
        }

        return media.Items.Count * (state.Options.TokensPerImage - 1);
    }

    private static void CheckItem(int index, MediaRef item)
    {
        var place = $"media_refs[{index}]";
        if (item.Url.Length == 0)
        {
            throw RpcFailure.Invalid($"{place}: empty url");
        }

        if (item.Modality is not (Modality.Image or Modality.Audio or Modality.Video))
        {
            throw RpcFailure.Invalid(item.Modality == Modality.Unspecified
                ? $"{place}: unsupported modality MODALITY_UNSPECIFIED"
                : $"Enum Modality has no name defined for value {(int)item.Modality}");
        }

        var colon = item.Url.IndexOf(':', StringComparison.Ordinal);
        var scheme = colon > 0 ? item.Url[..colon].ToLowerInvariant() : "none";
        if (!Schemes.Contains(scheme))
        {
            throw RpcFailure.Invalid($"{place}: url scheme '{scheme}' is not accepted by this worker (accepted: data,http,https); file:// requires --allowed-local-media-path");
        }

        if (scheme == "data")
        {
            CheckInline(place, item.Url);
        }
    }

    private static void CheckInline(string place, string url)
    {
        var comma = url.IndexOf(',', StringComparison.Ordinal);
        if (comma < 0 || !url.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            throw RpcFailure.Invalid($"{place}: Only base64 data URLs are supported for now.");
        }

        var bytes = new byte[(url.Length - comma) * 3 / 4 + 3];
        if (!Convert.TryFromBase64Chars(url.AsSpan(comma + 1), bytes, out var count))
        {
            throw RpcFailure.Invalid("Non-base64 digit found");
        }

        if (count > MaxInlineBytes)
        {
            throw RpcFailure.Invalid(
                $"{place}: inline payload is {count} bytes, above the {MaxInlineBytes}-byte cap (the worker's --mm-max-item-bytes, SMG_VLLM_MM_MAX_ITEM_BYTES)");
        }

        if (!ImageBytes.LooksLikeMedia(bytes.AsSpan(0, count)))
        {
            throw RpcFailure.Invalid("Failed to load image: cannot identify image file <_io.BytesIO object at 0x7f0000000000>");
        }
    }
}
