using System.Text;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Contents of messages and results of tools to text and media. Collects the media of a whole conversation, in order. Made for one request.
/// </summary>
/// <param name="showsResult">Which media the prompt can show in a tool's result; others are an error text for the model.</param>
/// <param name="leftOut">Collects what has no place in a prompt.</param>
/// <param name="logger">Logger for results of tools that cannot be shown.</param>
internal sealed class ContentReader(Predicate<MediaKind> showsResult, LeftOutContents leftOut, ILogger logger)
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
            case DataContent data when TryReadText(data, out var text):
                parts.AddText(text);
                break;
            case DataContent data:
                AddMedia(parts, MediaItem.FromBytes(KindOf(data.MediaType), data.Data, data.MediaType));
                break;
            case UriContent uri:
                AddMedia(parts, MediaItem.FromUri(KindOf(uri.MediaType), uri.Uri, uri.MediaType));
                break;
            default:
                leftOut.Add(content);
                break;
        }
    }

    /// <summary>What a tool returned; see <see cref="ToolResults"/>.</summary>
    public ContentParts Read(FunctionResultContent result) => ToolResults.Read(result, this, logger);

    /// <summary>A content that a tool returned: nothing about it fails the request.</summary>
    public void AddFromTool(ContentParts parts, AIContent content)
    {
        switch (content)
        {
            case ErrorContent error:
                parts.AddText($"Error: {error.Message}");
                break;
            case DataContent data when !TryReadText(data, out _) && !IsShown(data.MediaType):
                parts.AddText(NotShown(data.MediaType));
                break;
            case UriContent uri when !IsShown(uri.MediaType):
                parts.AddText(IsMedia(uri.MediaType) ? NotShown(uri.MediaType) : uri.Uri.ToString());
                break;
            default:
                Add(parts, content);
                break;
        }
    }

    /// <summary>Data that is text: <c>text/…</c>, and the formats that are text by their name.</summary>
    public static bool TryReadText(DataContent data, out string text)
    {
        var type = data.MediaType;
        var isText = data.HasTopLevelMediaType("text")
            || type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase)
            || type.StartsWith("application/xml", StringComparison.OrdinalIgnoreCase)
            || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase) || type.EndsWith("+xml", StringComparison.OrdinalIgnoreCase);
        isText &= !type.StartsWith("image/", StringComparison.OrdinalIgnoreCase);
        text = isText ? Encoding.UTF8.GetString(data.Data.Span) : string.Empty;
        return isText;
    }

    private static string NotShown(string mediaType) => $"Error: The function returned {mediaType} content, which this model cannot be shown.";

    private bool IsShown(string mediaType) => TryKindOf(mediaType, out var kind) && showsResult(kind);

    private static bool IsMedia(string mediaType) => TryKindOf(mediaType, out _);

    private void AddMedia(ContentParts parts, MediaItem item)
    {
        parts.AddMedia(item.Kind, _media.Count);
        _media.Add(item);
    }

    private static MediaKind KindOf(string mediaType) => TryKindOf(mediaType, out var kind)
        ? kind
        : throw new NotSupportedException(
            $"Content of type '{mediaType}' cannot be passed to a vLLM model: it takes text, images, video and audio. Extract the text and pass it "
                + "as TextContent.");

    private static bool TryKindOf(string mediaType, out MediaKind kind)
    {
        (var known, kind) = mediaType.Split('/')[0].ToLowerInvariant() switch
        {
            "image" => (true, MediaKind.Image),
            "video" => (true, MediaKind.Video),
            "audio" => (true, MediaKind.Audio),
            _ => (false, default),
        };
        return known;
    }
}
