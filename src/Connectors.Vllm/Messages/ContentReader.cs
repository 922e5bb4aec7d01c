using System.Text;
using System.Text.Json;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>Contents of messages and results of tools to text and media. Collects the media of a whole conversation, in order. Made for one request.</summary>
internal sealed class ContentReader(ILogger logger)
{
    private readonly List<MediaItem> _media = [];

    /// <summary>The media read so far, in the order of the messages.</summary>
    public IReadOnlyList<MediaItem> Media => _media;

    /// <exception cref="NotSupportedException">The content is of a kind that no vLLM model can take.</exception>
    public void Add(ContentParts parts, AIContent content)
    {
        switch (content)
        {
            case TextContent text:
                parts.AddText(text.Text);
                break;
            case DataContent data when data.HasTopLevelMediaType("text"):
                parts.AddText(Encoding.UTF8.GetString(data.Data.Span));
                break;
            case DataContent data:
                AddMedia(parts, MediaItem.FromBytes(KindOf(data.MediaType), data.Data, data.MediaType));
                break;
            case UriContent uri:
                AddMedia(parts, MediaItem.FromUri(KindOf(uri.MediaType), uri.Uri, uri.MediaType));
                break;
            case HostedFileContent or HostedVectorStoreContent:
                throw new NotSupportedException(
                    $"{content.GetType().Name} names a file that another provider keeps. vLLM keeps no files: pass the bytes as DataContent, or the text as TextContent.");
            default:
                Log.ContentSkipped(logger, content.GetType().Name);
                break;
        }
    }

    /// <summary>What a tool returned: text as it is, contents one by one, anything else as JSON.</summary>
    public ContentParts Read(FunctionResultContent result)
    {
        var parts = new ContentParts();
        switch (result.Result)
        {
            case null:
                parts.AddText(result.Exception is null ? string.Empty : $"Error: {result.Exception.Message}");
                break;
            case string text:
                parts.AddText(text);
                break;
            case AIContent content:
                Add(parts, content);
                break;
            case IEnumerable<AIContent> contents:
                foreach (var content in contents)
                {
                    Add(parts, content);
                }

                break;
            case JsonElement { ValueKind: JsonValueKind.String } element:
                parts.AddText(element.GetString()!);
                break;
            case JsonElement element:
                parts.AddText(element.GetRawText());
                break;
            default:
                var plain = PlainValue.From(result.Result);
                parts.AddText(plain as string ?? PlainJson.Write(plain));
                break;
        }

        return parts;
    }

    private void AddMedia(ContentParts parts, MediaItem item)
    {
        parts.AddMedia(item.Kind, _media.Count);
        _media.Add(item);
    }

    private static MediaKind KindOf(string mediaType) => mediaType.Split('/')[0].ToLowerInvariant() switch
    {
        "image" => MediaKind.Image,
        "video" => MediaKind.Video,
        "audio" => MediaKind.Audio,
        _ => throw new NotSupportedException(
            $"Content of type '{mediaType}' cannot be passed to a vLLM model: it takes text, images, video and audio. Extract the text and pass it as TextContent."),
    };
}
