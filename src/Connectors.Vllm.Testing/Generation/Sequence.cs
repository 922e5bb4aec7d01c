using System.Text;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>
/// A choice that is generated from its script. Each token is checked in vLLM's order: minimum length, end-of-sequence, stop ids, maximum length. Stop
/// strings are found after decoding, so one that completes in the same message takes precedence over the maximum length.
/// </summary>
internal sealed class Sequence
{
    private readonly int _index;
    private readonly GenerationRequest _request;
    private readonly ScriptedReply _reply;
    private readonly int[] _script;
    private readonly ModelStops _stops;
    private readonly StopText? _text;
    private readonly List<int> _ids = [];
    private int _next;
    private int _messages;

    public Sequence(int index, GenerationRequest request, ScriptedReply reply, int[] script, ModelStops stops, StopText? text)
    {
        _index = index;
        _request = request;
        _reply = reply;
        _script = script;
        _stops = stops;
        _text = text;
    }

    public bool IsFinished { get; private set; }

    /// <summary>The ids generated so far.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>Generates the content of the next message.</summary>
    public SequenceStep Advance()
    {
        var sizes = _reply.MessageSizes;
        var size = sizes is not null && _messages < sizes.Count ? sizes[_messages] : Math.Max(1, _reply.TokensPerMessage);
        _messages++;
        var offset = _ids.Count;
        var finish = FinishKind.None;
        var token = 0;
        string? stop = null;
        var keepAfterStop = 0;
        for (var i = 0; i < size && finish == FinishKind.None; i++)
        {
            if (!TryNext(out var id, out finish))
            {
                break;
            }

            _ids.Add(id);
            (finish, token) = Check(id);
            var terminal = finish is FinishKind.Eos or FinishKind.StopToken;
            if (_text is not null && (!terminal || _request.IncludeStop))
            {
                stop = _text.Push(id, _ids.Count > _request.MinTokens);
                if (stop is not null)
                {
                    finish = FinishKind.StopString;
                    keepAfterStop = _request.KeepsIdsAfterStop ? size - i - 1 : 0;
                }
            }
        }

        for (; keepAfterStop > 0 && TryNext(out var id, out _); keepAfterStop--)
        {
            _ids.Add(id);
        }

        if (finish == FinishKind.None && IsScriptFinished(out var ending))
        {
            finish = ending;
        }

        return Step(offset, finish, token, stop ?? "");
    }

    /// <summary>Aborts the sequence.</summary>
    public SequenceStep Abort() => Step(_ids.Count, FinishKind.Abort, 0, "");

    private SequenceStep Step(int offset, FinishKind finish, int token, string stop)
    {
        IsFinished = finish != FinishKind.None;
        var text = _text is null ? "" : IsFinished ? _text.Finish(finish == FinishKind.StopString) : _text.TakeVisible();
        return new SequenceStep(_index, offset, _ids.GetRange(offset, _ids.Count - offset), text, finish, token, stop);
    }

    private (FinishKind Finish, int Token) Check(int id)
    {
        // Below the minimum length the engine masks every id that ends the sequence; TryNext skips those.
        if (_ids.Count >= _request.MinTokens)
        {
            if (id == _stops.Eos && !_request.IgnoreEos)
            {
                return (FinishKind.Eos, id);
            }

            if (_request.StopTokenIds.Contains(id) || (!_request.IgnoreEos && _stops.SecondaryEos.Contains(id)))
            {
                return (FinishKind.StopToken, id);
            }
        }

        return _ids.Count >= _request.MaxTokens ? (FinishKind.Length, 0) : (FinishKind.None, 0);
    }

    private bool TryNext(out int id, out FinishKind finish)
    {
        finish = FinishKind.None;
        var skipped = 0;
        while (true)
        {
            if (_next >= _script.Length)
            {
                if (IsScriptFinished(out finish) || _script.Length == 0 || skipped > _script.Length)
                {
                    finish = finish == FinishKind.None ? FinishKind.Stop : finish;
                    id = 0;
                    return false;
                }

                // A model that ignores the end or is below the minimum length continues; this one repeats its script.
                _next = 0;
            }

            id = _script[_next++];
            var masked = _ids.Count < _request.MinTokens
                && (id == _stops.Eos || _stops.SecondaryEos.Contains(id) || _request.StopTokenIds.Contains(id));
            if (!masked)
            {
                return true;
            }

            skipped++;
        }
    }

    private bool IsScriptFinished(out FinishKind ending)
    {
        ending = FinishKind.None;
        if (_next < _script.Length)
        {
            return false;
        }

        if (_reply.FinishReason is { } reason)
        {
            ending = Ending(reason);
            return true;
        }

        if (!_reply.EndWithEos)
        {
            ending = FinishKind.Stop;
            return true;
        }

        return false;
    }

    private static FinishKind Ending(string reason) => reason switch
    {
        "length" => FinishKind.Length,
        "abort" => FinishKind.Abort,
        "error" => FinishKind.Error,
        "repetition" => FinishKind.Repetition,
        _ => FinishKind.Stop,
    };
}

/// <summary>The content of one message: the new ids of a choice, the text that became visible, and how the choice ended, if it did.</summary>
/// <param name="Index">The choice.</param>
/// <param name="Offset">The number of previous ids of the choice.</param>
/// <param name="Ids">The new ids.</param>
/// <param name="Text">The text that became visible; only if the request needs text.</param>
/// <param name="Finish">How the choice ended; <see cref="FinishKind.None"/> if it continues.</param>
/// <param name="FinishToken">The id that ended it, for <see cref="FinishKind.Eos"/> and <see cref="FinishKind.StopToken"/>.</param>
/// <param name="FinishString">The stop string that ended it.</param>
internal sealed record SequenceStep(
    int Index, int Offset, IReadOnlyList<int> Ids, string Text, FinishKind Finish, int FinishToken, string FinishString)
{
    public bool IsLast => Finish != FinishKind.None;
}

/// <summary>Why a sequence ended.</summary>
internal enum FinishKind
{
    None,
    Eos,
    StopToken,
    StopString,
    Length,
    Abort,
    Error,
    Repetition,

    /// <summary>The script ended.</summary>
    Stop,
}

/// <summary>
/// Decodes a sequence incrementally, finds stop strings, and determines which text is visible: with stop strings, as many bytes as the longest one
/// has in UTF-8, minus one, are held back until the end, whether or not they could begin a stop string.
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

    /// <summary>Adds the next id. Returns the stop string that it completes, at which the text is then truncated; otherwise null.</summary>
    /// <param name="id">The id.</param>
    /// <param name="check">Whether the minimum length has been reached.</param>
    public string? Push(int id, bool check) => Take(_decoder.Push(id), check);

    /// <summary>Ends the text and returns the part that was held back.</summary>
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

    /// <summary>Gets the text that has become visible.</summary>
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
