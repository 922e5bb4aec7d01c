using System.Globalization;
using System.Text;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Converts contents of messages and results of tools to text and media, and collects the media of the conversation in order. Used for one request.
/// </summary>
/// <param name="showsResult">The kinds of media that the prompt can contain in a tool's result; others become an error text for the model.</param>
/// <param name="omitted">Collects contents that prompts cannot contain.</param>
/// <param name="logger">The logger for results of tools that cannot be converted.</param>
internal sealed class ContentReader(Predicate<MediaKind> showsResult, OmittedContents omitted, ILogger logger)
{
    /// <summary>Results may hold results; one that holds itself ends here.</summary>
    private const int MaxNesting = 8;

    private readonly List<MediaItem> _media = [];
    private int _nesting;

    /// <summary>The media read so far, in the order of the messages.</summary>
    public IReadOnlyList<MediaItem> Media => _media;

    /// <exception cref="NotSupportedException">No vLLM model accepts this kind of content.</exception>
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
            case UriContent uri when TextOf(uri) is { } text:
                Add(parts, text);
                break;
            case UriContent uri:
                AddMedia(parts, MediaItem.FromUri(KindOf(uri.MediaType), uri.Uri, uri.MediaType));
                break;
            default:
                Omit(content);
                break;
        }
    }

    /// <summary>Records a content that prompts cannot contain.</summary>
    public void Omit(AIContent content) => omitted.Add(content);

    /// <summary>Reads the result of a tool; see <see cref="ToolResults"/>.</summary>
    public ContentParts Read(FunctionResultContent result)
    {
        var parts = new ContentParts();
        ToolResults.Read(result, parts, this, logger);
        return parts;
    }

    /// <summary>Adds a content that a tool returned; it never makes the request fail.</summary>
    public void AddFromTool(ContentParts parts, AIContent content)
    {
        switch (content)
        {
            case ErrorContent error:
                parts.AddText($"Error: {error.Message}");
                break;
            case FunctionResultContent result when _nesting < MaxNesting:
                _nesting++;
                ToolResults.Read(result, parts, this, logger);
                _nesting--;
                break;
            case DataContent data when !TryReadText(data, out _) && !IsShown(data.MediaType):
                parts.AddText(NotShown(data.MediaType));
                break;
            case UriContent uri when TextOf(uri) is null && !IsShown(uri.MediaType):
                parts.AddText(IsMedia(uri.MediaType) ? NotShown(uri.MediaType) : uri.Uri.ToString());
                break;
            default:
                Add(parts, content);
                break;
        }
    }

    /// <summary>Reads data that is text by its media type.</summary>
    public static bool TryReadText(DataContent data, out string text)
    {
        var isText = IsText(data.MediaType);
        text = isText ? Encoding.UTF8.GetString(data.Data.Span) : string.Empty;
        return isText;
    }

    /// <summary>A text in an address; null for other addresses.</summary>
    public static DataContent? TextOf(UriContent content) => content.Uri is { IsAbsoluteUri: true, Scheme: "data" } && IsText(content.MediaType)
        ? new DataContent(content.Uri, content.MediaType)
        : null;

    private static bool IsText(string type)
    {
        var isText = type.StartsWith("text/", StringComparison.OrdinalIgnoreCase)
            || type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase)
            || type.StartsWith("application/xml", StringComparison.OrdinalIgnoreCase)
            || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase) || type.EndsWith("+xml", StringComparison.OrdinalIgnoreCase);
        return isText && !type.StartsWith("image/", StringComparison.OrdinalIgnoreCase);
    }

    private static string NotShown(string mediaType) => $"Error: The function returned {mediaType} content, which cannot be shown to this model.";

    private bool IsShown(string mediaType) => TryKindOf(mediaType, out var kind) && showsResult(kind);

    private static bool IsMedia(string mediaType) => TryKindOf(mediaType, out _);

    private void AddMedia(ContentParts parts, MediaItem item)
    {
        parts.AddMedia(item.Kind, _media.Count);
        _media.Add(item);
    }

    /// <summary>Whether a message of the conversation can hold the content; what tools return can be anything.</summary>
    public static bool IsSupported(AIContent content) => content switch
    {
        DataContent data => IsMedia(data.MediaType) || IsText(data.MediaType),
        UriContent uri => IsMedia(uri.MediaType) || TextOf(uri) is not null,
        _ => true,
    };

    private static MediaKind KindOf(string mediaType) =>
        TryKindOf(mediaType, out var kind) ? kind : throw Unsupported(mediaType, "The conversation");

    /// <summary>The error about a content that no vLLM model can take.</summary>
    /// <param name="mediaType">Its type.</param>
    /// <param name="where">Where it is.</param>
    public static NotSupportedException Unsupported(string mediaType, string where) => new(
        $"{where} holds content of type '{mediaType}', which cannot be passed to a vLLM model: these accept text, images, video and audio. "
        + "Extract the text and pass it as TextContent.");

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

/// <summary>The parts of a message's content, in order; converted to a string or a list, depending on the template.</summary>
internal sealed class ContentParts
{
    private readonly List<(string? Text, MediaKind Kind, int Index)> _parts = [];

    public bool HasMedia { get; private set; }

    public int Count => _parts.Count;

    public void AddText(string text) => _parts.Add((text, default, -1));

    public void AddMedia(MediaKind kind, int index)
    {
        _parts.Add((null, kind, index));
        HasMedia = true;
    }

    /// <summary>Joins the text parts without empty ones, as vLLM does.</summary>
    public string JoinText(string separator)
    {
        if (_parts.Count == 1)
        {
            return _parts[0].Text ?? string.Empty;
        }

        return string.Join(separator, _parts.Where(static part => !string.IsNullOrEmpty(part.Text)).Select(static part => part.Text));
    }

    /// <summary>Joins the text parts after a mark per media item, each on its own line, in the order of vLLM's Python front end.</summary>
    public string JoinWithMarks(string separator)
    {
        var text = JoinText(separator);
        if (!HasMedia)
        {
            return text;
        }

        var marks = string.Join('\n', _parts.Where(static part => part.Text is null).Select(static part => MediaMarks.For(part.Index)));
        return text.Length == 0 ? marks : string.Create(CultureInfo.InvariantCulture, $"{marks}\n{text}");
    }

    /// <summary>Gets the parts as a list: <c>{"type": "text", "text": …}</c>, and exactly <c>{"type": "image"}</c> for media.</summary>
    /// <param name="places">Collects the parts that stand for media, with the index of the media item.</param>
    public List<object?> ToList(Dictionary<object, int> places)
    {
        var list = new List<object?>(_parts.Count);
        foreach ((var text, var kind, var index) in _parts)
        {
            var part = text is not null
                ? new Dictionary<string, object?>(2, StringComparer.Ordinal) { ["type"] = "text", ["text"] = text }
                : new Dictionary<string, object?>(1, StringComparer.Ordinal)
                { ["type"] = kind switch { MediaKind.Image => "image", MediaKind.Video => "video", _ => "audio" } };
            list.Add(part);
            if (text is null)
            {
                places[part] = index;
            }
        }

        return list;
    }
}

/// <summary>
/// The contents of a request that are omitted because no chat template can represent them. A conversation may be mapped several times; each content
/// is counted once.
/// </summary>
internal sealed class OmittedContents
{
    private readonly HashSet<object> _contents = new(ReferenceEqualityComparer.Instance);

    public void Add(object content) => _contents.Add(content);

    /// <summary>Logs one line with all of them, if there are any.</summary>
    public void WriteTo(ILogger logger)
    {
        if (_contents.Count > 0 && logger.IsEnabled(LogLevel.Information))
        {
            Log.ContentsLeftOut(logger, string.Join(", ", _contents
                .GroupBy(static content => (content.GetType() == typeof(AIContent) ? ((AIContent)content).RawRepresentation ?? content : content)
                    .GetType().Name, StringComparer.Ordinal)
                .Select(static kind => kind.Count() == 1 ? kind.Key : string.Create(CultureInfo.InvariantCulture, $"{kind.Count()} × {kind.Key}"))));
        }
    }
}
