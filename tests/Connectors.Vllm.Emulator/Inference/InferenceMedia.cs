using System.Globalization;
using System.Net;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;
using MediaKind = Connectors.Vllm.Grpc.MediaKind;

namespace Connectors.Vllm.Emulator.Inference;

/// <summary>Checks media items like the Inference protocol, by kind. Content is recognized by its first bytes and not decoded.</summary>
internal sealed class InferenceMedia(EmulatorState state)
{
    private const string Preprocessing = "multimodal preprocessing error: ";

    /// <summary>Prompt tokens that the media add beyond their anchors.</summary>
    public async Task<int> ExtraTokensAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken)
    {
        if (message.Media.Count == 0)
        {
            return 0;
        }

        if (message.PromptCase != GenerateRequest.PromptOneofCase.TokenIds)
        {
            throw RpcFailure.Invalid("multimodal gRPC requests must provide token_ids input");
        }

        if (message.TruncatePromptTokens > 0)
        {
            throw RpcFailure.Invalid("truncate_prompt_tokens is not supported for multimodal requests");
        }

        if (!state.Options.AcceptsMedia)
        {
            throw RpcFailure.Invalid("multimodal input is not supported by this chat renderer");
        }

        for (var i = 0; i < message.Media.Count; i++)
        {
            CheckSource(i, message.Media[i]);
        }

        if (message.Media.Any(item => item.SourceCase == MediaItem.SourceOneofCase.Features)
            && message.Media.Any(item => item.SourceCase != MediaItem.SourceOneofCase.Features))
        {
            throw RpcFailure.Invalid("raw media and preprocessed media features cannot be mixed");
        }

        foreach (var group in message.Media.GroupBy(item => KindOf(item.Modality)).Where(group => group.Count() > state.Options.LimitOf(group.Key)))
        {
            // As in the VllmEngine protocol, the list of limits does not contain a kind that the model does not support.
            if (group.Key != MediaKind.Audio || state.Options.MaxAudios > 0)
            {
                throw RpcFailure.Invalid(string.Create(
                    CultureInfo.InvariantCulture,
                    $"At most {state.Options.LimitOf(group.Key)} {MediaPlaces.NameOf(group.Key)}(s) may be provided in one prompt."));
            }
        }

        foreach (var item in message.Media)
        {
            CheckContent(KindOf(item.Modality), await LoadAsync(item, cancellationToken).ConfigureAwait(false));
        }

        var (extra, missing, anchors, items) = MediaPlaces.Place(
            state.Options, state.Model.Tokenizer.TokenToId, prompt, message.Media.Select(item => KindOf(item.Modality)));
        return missing is { } kind
            ? throw RpcFailure.Internal(
                $"{Preprocessing}placeholder token `{state.Options.AnchorOf(kind)}` was not found in tokenized prompt for "
                + $"{items - anchors} remaining `{MediaPlaces.NameOf(kind)}` item(s)")
            : extra;
    }

    private static MediaKind KindOf(Modality modality) => modality switch
    {
        Modality.Video => MediaKind.Video,
        Modality.Audio => MediaKind.Audio,
        _ => MediaKind.Image,
    };

    private static void CheckSource(int index, MediaItem item)
    {
        var place = $"media[{index}]";
        if (item.Modality is not (Modality.Image or Modality.Video or Modality.Audio))
        {
            throw RpcFailure.Invalid($"{place}.modality is required");
        }

        switch (item.SourceCase)
        {
            case MediaItem.SourceOneofCase.None:
                throw RpcFailure.Invalid($"{place}.source is required");
            case MediaItem.SourceOneofCase.Url when !item.Url.Contains(':', StringComparison.Ordinal):
                throw RpcFailure.Invalid($"{place}.url is not a valid URI");
            case MediaItem.SourceOneofCase.Url
                when !item.Url.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
                    && !item.Url.StartsWith("https://", StringComparison.OrdinalIgnoreCase):
                throw RpcFailure.Invalid($"{place}.url must use the http or https scheme");
            case MediaItem.SourceOneofCase.DataUri when !item.DataUri.StartsWith("data:", StringComparison.OrdinalIgnoreCase):
                throw RpcFailure.Invalid($"{place}.data_uri must use the data scheme");
            case MediaItem.SourceOneofCase.Features when !item.Features.HasKwargs:
                throw RpcFailure.Invalid($"{place}: features.kwargs is required; cache-only features are unsupported");
        }
    }

    /// <summary>Gets the item's bytes; null for features, and for an address that is not fetched.</summary>
    private async Task<byte[]?> LoadAsync(MediaItem item, CancellationToken cancellationToken)
    {
        switch (item.SourceCase)
        {
            case MediaItem.SourceOneofCase.RawBytes:
                return item.RawBytes.ToByteArray();
            case MediaItem.SourceOneofCase.DataUri:
                var comma = item.DataUri.IndexOf(',', StringComparison.Ordinal);
                if (comma < 0 || !item.DataUri.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
                {
                    throw RpcFailure.Internal(Preprocessing + "data URL parse error: only base64 encoded data URLs are supported");
                }

                return Decode(item.DataUri.AsSpan(comma + 1));
            case MediaItem.SourceOneofCase.Url:
                var fetch = await state.Media.FetchAsync(item.Url, attempts: 1, cancellationToken).ConfigureAwait(false);
                return fetch switch
                {
                    { Problem: { } problem } => throw RpcFailure.Internal(
                        $"{Preprocessing}HTTP error while fetching media: error sending request for url ({item.Url}): {problem}"),
                    { Status: >= HttpStatusCode.InternalServerError and var status } => throw HttpFailure("server", status, item.Url),
                    { Status: >= HttpStatusCode.BadRequest and var status } => throw HttpFailure("client", status, item.Url),
                    _ => fetch.Bytes,
                };
            default:
                return null;
        }
    }

    private static RpcFailure HttpFailure(string side, HttpStatusCode status, string url)
    {
        using var response = new HttpResponseMessage(status);
        return RpcFailure.Internal(
            $"{Preprocessing}HTTP error while fetching media: HTTP status {side} error ({(int)status} {response.ReasonPhrase}) for url ({url})");
    }

    private void CheckContent(MediaKind kind, byte[]? bytes)
    {
        switch (kind)
        {
            case MediaKind.Video when !state.Options.DecodesVideo:
                throw RpcFailure.Internal(
                    Preprocessing + "video decode error: ffmpeg executable not found; install ffmpeg to decode video_url inputs");
            case MediaKind.Audio when !state.Options.DecodesAudio:
                throw RpcFailure.Internal(Preprocessing + "audio decode error: Symphonia probe failed; ffprobe executable not found");
        }

        if (bytes is null)
        {
            return;
        }

        if (MediaBytes.KindOf(bytes) != kind)
        {
            var name = MediaPlaces.NameOf(kind);
            throw RpcFailure.Internal($"{Preprocessing}{name} decode error: The {name} format could not be determined");
        }

        if (MediaBytes.IsTruncated(bytes))
        {
            throw RpcFailure.Internal(Preprocessing + "image decode error: unexpected end of file");
        }
    }

    private static byte[] Decode(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(text[i]) && text[i] is not ('+' or '/' or '='))
            {
                throw RpcFailure.Internal($"{Preprocessing}base64 decode error: Invalid symbol {(int)text[i]}, offset {i}.");
            }
        }

        var bytes = new byte[(text.Length * 3 / 4) + 3];
        return Convert.TryFromBase64Chars(text, bytes, out var count)
            ? bytes[..count]
            : throw RpcFailure.Internal(Preprocessing + "base64 decode error: Invalid padding");
    }
}
