using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyB;

/// <summary>Media items as family B checks them. Bad content is INTERNAL there. Images are not decoded beyond their first bytes, and nothing is fetched.</summary>
internal sealed class InferenceMedia(ServerState state)
{
    private const string Preprocessing = "multimodal preprocessing error: ";

    /// <summary>Prompt tokens that the media add beyond their anchors.</summary>
    public int ExtraTokens(GenerateRequest message, ReadOnlySpan<int> prompt)
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

        if (message.Media.Count > state.Options.MaxImages)
        {
            throw RpcFailure.Invalid(string.Create(CultureInfo.InvariantCulture, $"At most {state.Options.MaxImages} image(s) may be provided in one prompt."));
        }

        foreach (var item in message.Media)
        {
            CheckContent(item);
        }

        var anchor = state.Model.Tokenizer.TokenToId(state.Options.ImageAnchor)
            ?? throw RpcFailure.Internal($"{Preprocessing}the anchor {state.Options.ImageAnchor} is not a token of this model");
        var missing = message.Media.Count - prompt.Count(anchor);
        if (missing > 0)
        {
            throw RpcFailure.Internal($"{Preprocessing}placeholder token `{state.Options.ImageAnchor}` was not found in tokenized prompt for {missing} remaining `image` item(s)");
        }

        return message.Media.Count * (state.Options.TokensPerImage - 1);
    }

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
                when !item.Url.StartsWith("http://", StringComparison.OrdinalIgnoreCase) && !item.Url.StartsWith("https://", StringComparison.OrdinalIgnoreCase):
                throw RpcFailure.Invalid($"{place}.url must use the http or https scheme");
            case MediaItem.SourceOneofCase.DataUri when !item.DataUri.StartsWith("data:", StringComparison.OrdinalIgnoreCase):
                throw RpcFailure.Invalid($"{place}.data_uri must use the data scheme");
            case MediaItem.SourceOneofCase.Features when !item.Features.HasKwargs:
                throw RpcFailure.Invalid($"{place}: features.kwargs is required; cache-only features are unsupported");
        }
    }

    private static void CheckContent(MediaItem item)
    {
        switch (item.SourceCase)
        {
            case MediaItem.SourceOneofCase.RawBytes:
                RequireImage(item.RawBytes.Span);
                break;
            case MediaItem.SourceOneofCase.DataUri:
                var comma = item.DataUri.IndexOf(',', StringComparison.Ordinal);
                if (comma < 0 || !item.DataUri.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
                {
                    throw RpcFailure.Internal(Preprocessing + "data URL parse error: only base64 encoded data URLs are supported");
                }

                RequireImage(Decode(item.DataUri.AsSpan(comma + 1)));
                break;
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

    private static void RequireImage(ReadOnlySpan<byte> bytes)
    {
        if (!ImageBytes.LooksLikeMedia(bytes))
        {
            throw RpcFailure.Internal(Preprocessing + "image decode error: The image format could not be determined");
        }
    }
}
