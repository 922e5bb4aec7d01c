using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

internal sealed partial class ResponseTemplateMachine
{
    private abstract record State
    {
        /// <summary>True before the first text of a region.</summary>
        public bool NeedsJoin { get; set; } = true;
    }

    /// <summary>Outside of all regions with an opener: the text of the implicit field.</summary>
    /// <param name="IsOver">True after that field's closer: what follows is not an answer any more.</param>
    private sealed record Outside(bool IsOver) : State
    {
        /// <summary>True once text came out: before, space alone is held.</summary>
        public bool IsWritten { get; set; }

        /// <summary>How many characters of the buffer are known to be space.</summary>
        public int Blank { get; set; }
    }

    /// <summary>In a region of text or of reasoning.</summary>
    private sealed record Streamed(TemplateField Field, OutputEventKind Kind) : State;

    /// <summary>In a region that is read as a whole; it begins with <paramref name="OpenLength"/> characters of opener.</summary>
    private sealed record Parsed(TemplateField Field, int OpenLength, JsonObject Captures) : State
    {
        /// <summary>The strings of JSON in it; null where it is something else.</summary>
        public JsonStrings? Strings { get; } =
            Field.Content == "json" ? new JsonStrings(OpenLength, TemplateValue.Delimiters(Field.Arguments)) : null;

        private readonly List<(int Start, int End)> _quotes = [];
        private int _seen = OpenLength;
        private int _depth;

        /// <summary>
        /// Whether a closer ends a call that a value quotes, whose opener stands in the region. Positions asked for never go back.
        /// </summary>
        public bool Quotes(ReadOnlySpan<char> text, int closer)
        {
            while (Strings is null)
            {
                var opener = Search.In(text[..closer], _seen, final: true);
                opener.Try(Field.Opens, null);
                if (opener.At < 0)
                {
                    break;
                }

                _seen = opener.At + opener.Length;
                if (_depth++ == 0)
                {
                    _quotes.Add((opener.At, closer));
                }
            }

            _seen = Math.Max(_seen, closer);
            if (_depth == 0)
            {
                return false;
            }

            _quotes[^1] = _quotes[^1] with { End = closer };
            _depth--;
            return true;
        }

        /// <summary>A body whose quoted calls hold no markup, of the same length; null when it quotes none.</summary>
        public string? Shape(ReadOnlySpan<char> body)
        {
            var shape = _quotes.Count == 0 ? null : body.ToArray();
            foreach (var (start, end) in _quotes)
            {
                shape.AsSpan((start - OpenLength)..(end - OpenLength)).Fill(' ');
            }

            return shape is null ? null : new string(shape);
        }
    }

    /// <summary>The best of several markers: the earliest, and of two at one place the longer.</summary>
    private ref struct Search
    {
        private ReadOnlySpan<char> _text;
        private int _from;
        private bool _final;

        public int At { get; private set; }

        public int Length { get; private set; }

        /// <summary>The position up to which no marker can begin.</summary>
        public int Hold { get; private set; }

        public TemplateField? Field { get; private set; }

        /// <summary>True when a marker was found and none can begin before it or at the same place.</summary>
        public readonly bool IsDecided => At >= 0 && (_final || Hold > At);

        public static Search In(ReadOnlySpan<char> text, int from, bool final) =>
            new() { _text = text, _from = Math.Min(from, text.Length), _final = final, At = -1, Hold = text.Length };

        public void Try(IReadOnlyList<TemplateMarker> markers, TemplateField? field)
        {
            foreach (var marker in markers)
            {
                var at = marker.Find(_text, _from, _final, out var length, out var hold);
                Hold = Math.Min(Hold, hold);
                if (at >= 0 && (At < 0 || at < At || (at == At && length > Length)))
                {
                    (At, Length, Field) = (at, length, field);
                }
            }
        }
    }

    /// <summary>Follows the strings of JSON as characters arrive.</summary>
    private sealed class JsonStrings(int start, IReadOnlyList<(string Open, string Close)> delimiters)
    {
        private int _position = start;
        private string? _close;
        private bool? _isJson;

        /// <summary>Whether a position stands in a string. Positions asked for never go back.</summary>
        public bool Holds(ReadOnlySpan<char> text, int at)
        {
            _isJson ??= text[_position..at].TrimStart() is ['{' or '[', ..];
            while (_isJson == true && _position < at)
            {
                if (_close is null)
                {
                    Open(text[_position..]);
                }
                else if (_close == "\"" && text[_position] == '\\')
                {
                    _position += 2;
                }
                else if (text[_position..].StartsWith(_close, StringComparison.Ordinal))
                {
                    (_position, _close) = (_position + _close.Length, null);
                }
                else
                {
                    _position++;
                }
            }

            return _close is not null;
        }

        private void Open(ReadOnlySpan<char> rest)
        {
            foreach (var (open, close) in delimiters)
            {
                if (rest.StartsWith(open, StringComparison.Ordinal))
                {
                    (_position, _close) = (_position + open.Length, close);
                    return;
                }
            }

            _close = rest[0] == '"' ? "\"" : null;
            _position++;
        }
    }
}
