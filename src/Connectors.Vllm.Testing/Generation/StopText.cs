using System.Text;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>
/// Decodes one sequence as it grows, finds stop strings in it, and says which text may be shown: with stop strings, the last
/// (longest stop string in UTF-8 bytes − 1) bytes are held back until the end, whether or not they look like the start of one.
/// </summary>
internal sealed class StopText
{
    private readonly TokenStreamDecoder _decoder;
    private readonly IReadOnlyList<string> _stops;
    private readonly bool _include;
    private readonly int _overlap;
    private readonly int _heldBytes;
    private readonly StringBuilder _pending = new();
    private string _tail = "";

    public StopText(TokenStreamDecoder decoder, IReadOnlyList<string> stops, bool include)
    {
        _decoder = decoder;
        _stops = stops;
        _include = include;
        _overlap = stops.Count == 0 ? 0 : stops.Max(stop => stop.Length) - 1;
        _heldBytes = stops.Count == 0 || include ? 0 : stops.Max(Encoding.UTF8.GetByteCount) - 1;
    }

    /// <summary>Takes the next id. Returns the stop string it completes, or null; then the text is already cut.</summary>
    /// <param name="id">The id.</param>
    /// <param name="check">False while the minimum length is not reached.</param>
    public string? Push(int id, bool check) => Take(_decoder.Push(id), check);

    /// <summary>Ends the text and returns all of it that was not shown yet.</summary>
    public string Finish(bool stopped)
    {
        if (!stopped)
        {
            _pending.Append(_decoder.Flush());
        }

        var rest = _pending.ToString();
        _pending.Clear();
        return rest;
    }

    /// <summary>The text that may be shown now.</summary>
    public string TakeVisible()
    {
        var length = _pending.Length;
        var held = 0;
        while (length > 0 && held < _heldBytes)
        {
            length--;
            var character = _pending[length];
            held += character < 0x80 ? 1 : character < 0x800 ? 2 : char.IsSurrogate(character) ? 2 : 3;
        }

        if (length > 0 && char.IsHighSurrogate(_pending[length - 1]))
        {
            length--;
        }

        var visible = _pending.ToString(0, length);
        _pending.Remove(0, length);
        return visible;
    }

    private string? Take(string piece, bool check)
    {
        if (piece.Length == 0)
        {
            return null;
        }

        _pending.Append(piece);
        if (_stops.Count == 0)
        {
            return null;
        }

        if (!check)
        {
            _tail = "";
            return null;
        }

        var window = _tail + piece;
        foreach (var stop in _stops)
        {
            var found = window.IndexOf(stop, StringComparison.Ordinal);
            if (found >= 0)
            {
                var cut = _include ? found + stop.Length : found;
                var surplus = window.Length - cut;
                _pending.Length = Math.Max(0, _pending.Length - surplus);
                return stop;
            }
        }

        _tail = window.Length > _overlap ? window[^_overlap..] : window;
        return null;
    }
}
