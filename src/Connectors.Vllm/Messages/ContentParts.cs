using System.Globalization;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>The parts of one message's content, in order, until it is known whether the template wants a string or a list.</summary>
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

    /// <summary>The text parts as one string; empty parts are left out, as vLLM does.</summary>
    public string JoinText(string separator)
    {
        if (_parts.Count == 1)
        {
            return _parts[0].Text ?? string.Empty;
        }

        return string.Join(separator, _parts.Where(static part => !string.IsNullOrEmpty(part.Text)).Select(static part => part.Text));
    }

    /// <summary>One string with a mark per media item in front of the text, each on its own line: the order of vLLM's Python front end.</summary>
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

    /// <summary>The list form: <c>{"type": "text", "text": …}</c> and exactly <c>{"type": "image"}</c> for media.</summary>
    public List<object?> ToList()
    {
        var list = new List<object?>(_parts.Count);
        foreach ((var text, var kind, _) in _parts)
        {
            list.Add(text is not null
                ? new Dictionary<string, object?>(2, StringComparer.Ordinal) { ["type"] = "text", ["text"] = text }
                : new Dictionary<string, object?>(1, StringComparer.Ordinal)
                { ["type"] = kind switch { MediaKind.Image => "image", MediaKind.Video => "video", _ => "audio" } });
        }

        return list;
    }
}
