using System.Globalization;
using System.Net;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.VllmEngine;

/// <summary>Checks media references like the VllmEngine protocol, by kind. Content is recognized by its first bytes and not decoded.</summary>
internal sealed class EngineMedia(EmulatorState state)
{
    private const int MaxInlineBytes = 33_554_432;

    /// <summary>The number of attempts of a fetch that gets no answer or a 5xx status.</summary>
    private const int FetchAttempts = 3;

    private static readonly string[] Schemes = ["data", "http", "https"];

    private VllmEmulatorOptions Options => state.Options;

    /// <summary>Prompt tokens that the media add beyond their anchors.</summary>
    public async Task<int> ExtraTokensAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken)
    {
        if (message.MediaRefs is not { } media)
        {
            return 0;
        }

        CheckRequest(message, media);
        for (var i = 0; i < media.Items.Count; i++)
        {
            var bytes = await LoadAsync($"media_refs[{i}]", media.Items[i], cancellationToken).ConfigureAwait(false);
            CheckContent($"media_refs[{i}]", KindOf(media.Items[i].Modality), bytes);
        }

        var (extra, missing, anchors, _) = MediaPlaces.Place(
            Options, state.Model.Tokenizer.TokenToId, prompt, media.Items.Select(item => KindOf(item.Modality)));
        return missing is { } kind
            ? throw RpcFailure.Internal($"Failed to apply prompt replacement for mm_items['{MediaPlaces.NameOf(kind)}'][{anchors}]")
            : extra;
    }

    private static MediaKind KindOf(Modality modality) => modality switch
    {
        Modality.Video => MediaKind.Video,
        Modality.Audio => MediaKind.Audio,
        _ => MediaKind.Image,
    };

    private void CheckRequest(GenerateRequest message, MediaRefs media)
    {
        if (!Options.AcceptsMedia)
        {
            throw RpcFailure.Invalid(
                "media_refs sent but --mm-processor (SMG_VLLM_MM_PROCESSOR) is off on this worker; "
                + "check the router's --mm-processing and this worker's mm_processor label");
        }

        if (message.InputCase != GenerateRequest.InputOneofCase.Tokenized || message.MmInputs is not null)
        {
            throw RpcFailure.Invalid("media_refs requires tokenized input and cannot be combined with preprocessed multimodal inputs");
        }

        if (media.Items.Count == 0)
        {
            throw RpcFailure.Invalid("media_refs is set but carries no items");
        }

        foreach (var kind in new[] { MediaKind.Image, MediaKind.Video, MediaKind.Audio })
        {
            var count = media.Items.Count(item => item.Modality != Modality.Unspecified && KindOf(item.Modality) == kind);

            // A kind that the model does not support is not in the list of limits, and fails only in its decoder.
            var isListed = kind != MediaKind.Audio || Options.MaxAudios > 0;
            if (isListed && count > Options.LimitOf(kind))
            {
                throw RpcFailure.Invalid(string.Create(
                    CultureInfo.InvariantCulture,
                    $"media_refs carries {count} {MediaPlaces.NameOf(kind)} items, above this worker's limit of {Options.LimitOf(kind)} ")
                    + "(--limit-mm-per-prompt, or SMG_VLLM_MM_MAX_ITEMS to override)");
            }
        }
    }

    /// <summary>Gets the item's bytes; null for an address that is not fetched.</summary>
    private async Task<byte[]?> LoadAsync(string place, MediaRef item, CancellationToken cancellationToken)
    {
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
            throw RpcFailure.Invalid(
                $"{place}: url scheme '{scheme}' is not accepted by this worker (accepted: data,http,https); "
                + "file:// requires --allowed-local-media-path");
        }

        return scheme == "data" ? Decode(place, item.Url) : await FetchAsync(place, item.Url, cancellationToken).ConfigureAwait(false);
    }

    private static byte[] Decode(string place, string url)
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

        return count > MaxInlineBytes
            ? throw RpcFailure.Invalid(
                $"{place}: inline payload is {count} bytes, above the {MaxInlineBytes}-byte cap "
                + "(the worker's --mm-max-item-bytes, SMG_VLLM_MM_MAX_ITEM_BYTES)")
            : bytes[..count];
    }

    private async Task<byte[]?> FetchAsync(string place, string url, CancellationToken cancellationToken)
    {
        if (Options.AllowedMediaDomains is { Count: > 0 } allowed
            && Uri.TryCreate(url, UriKind.Absolute, out var uri) && !allowed.Contains(uri.Host, StringComparer.OrdinalIgnoreCase))
        {
            throw RpcFailure.Invalid(
                $"The URL must be from one of the allowed domains: [{string.Join(", ", allowed.Select(domain => $"'{domain}'"))}]. "
                + $"Input URL domain: {uri.Host}");
        }

        var fetch = await state.Media.FetchAsync(url, FetchAttempts, cancellationToken).ConfigureAwait(false);
        return fetch switch
        {
            { Status: >= HttpStatusCode.BadRequest and < HttpStatusCode.InternalServerError } =>
                throw RpcFailure.Invalid($"Failed to fetch media from URL: HTTP {(int)fetch.Status} error (parameter=image_url, value={url})"),
            { Status: >= HttpStatusCode.InternalServerError } =>
                throw new RpcFailure(RpcStatus.Unavailable, $"{place}: fetch failed: {(int)fetch.Status}, message='{fetch.Status}', url='{url}'"),
            { Problem: { } problem } => throw new RpcFailure(RpcStatus.Unavailable, $"{place}: fetch failed: {problem}"),
            _ => fetch.Bytes,
        };
    }

    private void CheckContent(string place, MediaKind kind, byte[]? bytes)
    {
        if (kind == MediaKind.Audio && !Options.DecodesAudio)
        {
            throw new RpcFailure(RpcStatus.Unavailable, $"{place}: fetch failed: No module named 'av'");
        }

        if (bytes is null)
        {
            return;
        }

        if (MediaBytes.KindOf(bytes) != kind)
        {
            // A video that cannot be decoded is reported as a failed fetch, although the failure is not transient.
            throw kind == MediaKind.Image
                ? RpcFailure.Invalid("Failed to load image: cannot identify image file <_io.BytesIO object at 0x7f0000000000>")
                : new RpcFailure(RpcStatus.Unavailable, $"{place}: fetch failed: upper bound and lower bound inconsistent with step sign");
        }

        if (MediaBytes.IsTruncated(bytes))
        {
            throw RpcFailure.Invalid("Failed to load image: image file is truncated");
        }
    }
}
