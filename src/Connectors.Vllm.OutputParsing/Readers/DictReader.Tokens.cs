using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

internal sealed partial class DictReader
{
    /// <summary>Takes a string at the position: false when there is none, null when its end has not come yet.</summary>
    private bool? TakeString(ReadOnlySpan<char> block, bool final, out string text)
    {
        text = "";
        var rest = block[_position..];
        if (rest[0] is '"' or '\'')
        {
            return TakeQuoted(block, rest[0], final, out text);
        }

        if (Lookahead.Prefix(rest, _delimiters, out var open) == 0)
        {
            return open && !final ? null : false;
        }

        var start = _position + syntax.Delimiter.Length;
        if (_probe < start)
        {
            (_probe, _quotedCalls) = (start, 0);
        }

        while (true)
        {
            // A whole call that the string quotes may hold delimiters.
            var at = Lookahead.First(block, _probe, _quotedCalls > 0 ? _closerOrCall : _delimiterOrCall, out var length, out var safe);
            _probe = at < 0 ? safe : at + length;
            if (at < 0)
            {
                return null;
            }

            var mark = block.Slice(at, length);
            if (syntax.Closers.Contains(mark.ToString()))
            {
                _quotedCalls--;
            }
            else if (mark.SequenceEqual(syntax.Delimiter))
            {
                text = block[start..at].ToString();
                _position = at + length;
                return true;
            }
            else if (IsQuotedCall(block[(at + length)..], final) is not { } isQuoted)
            {
                _probe = at;
                return null;
            }
            else
            {
                _quotedCalls += isQuoted ? 1 : 0;
            }
        }
    }

    private static bool? IsQuotedCall(ReadOnlySpan<char> text, bool final)
    {
        var at = text[..Math.Min(text.Length, MaxHeader)].IndexOfAny('{', '<');
        return at < 0 ? (final || text.Length >= MaxHeader ? false : null) : text[at] == '{' && text.TrimStart().StartsWith("call");
    }

    /// <summary>A string in quotes, with escapes. An apostrophe inside a word ends none.</summary>
    private bool? TakeQuoted(ReadOnlySpan<char> block, char quote, bool final, out string text)
    {
        text = "";
        _probe = Math.Max(_probe, _position + 1);
        while (true)
        {
            var next = block[_probe..].IndexOfAny(quote, '\\');
            _probe = next < 0 ? block.Length : _probe + next;
            if (_probe + 1 >= block.Length && !(final && _probe < block.Length && block[_probe] == quote))
            {
                return null;
            }

            if (block[_probe] == '\\')
            {
                _probe += 2;
            }
            else if (quote == '\'' && _probe + 1 < block.Length && char.IsLetterOrDigit(block[_probe + 1]))
            {
                _probe++;
            }
            else
            {
                text = PythonLiteral.Unescape(block[(_position + 1).._probe]);
                _position = _probe + 1;
                return true;
            }
        }
    }

    /// <summary>
    /// Where a word without quotes ends: brackets inside of it are its own as long as they come in pairs. Null when its end has not come yet.
    /// </summary>
    private int? WordEnd(ReadOnlySpan<char> block, DictContainer container)
    {
        _probe = Math.Max(_probe, _position);
        while (true)
        {
            var next = block[_probe..].IndexOfAny(",{}[]()<".AsSpan());
            _probe = next < 0 ? block.Length : _probe + next;
            if (next < 0)
            {
                return null;
            }

            var c = block[_probe];
            if (c == '<')
            {
                var length = Lookahead.Prefix(block[_probe..], syntax.Closers, out var open);
                if (open && length == 0)
                {
                    return null;
                }

                if (length > 0 && !_wordsNest)
                {
                    return _probe;
                }

                if (length > 0)
                {
                    // The call ends inside a word, so a bracket of it was none: from here on brackets in words are mere characters.
                    (_probe, _wordDepth, _wordsNest) = (_position, 0, false);
                    continue;
                }
            }
            else if (_wordDepth == 0 && (c == ',' || c == container.End))
            {
                return _probe;
            }
            else if (_wordsNest && c != ',')
            {
                _wordDepth = Math.Max(0, _wordDepth + (c is '{' or '[' or '(' ? 1 : -1));
            }

            _probe++;
        }
    }

    // Words without delimiters are typed by their spelling, but never against the schema.
    private static string Bare(ReadOnlySpan<char> word, ValueTypes types) => types != ValueTypes.Unknown ? ValueCoercer.Coerce(word, types)
        : word is "true" or "false" or "null" || ValueCoercer.IsNumber(word) ? word.ToString()
        : word is "None" ? "null"
        : JsonText.Quote(word);

    /// <summary>A dictionary or list that is not closed yet.</summary>
    private sealed class DictContainer(char end, SchemaNode schema)
    {
        private readonly ArgumentsWriter _members = new();
        private readonly StringBuilder _items = new();

        public char End => end;

        public bool IsList => end == ']';

        public string Key { get; set; } = "";

        /// <summary>What the schema says of the member or item that comes next.</summary>
        public SchemaNode ValueSchema => IsList ? schema.Items : schema.Property(Key);

        /// <summary>True behind a string, and in a dictionary behind a list or dictionary: what follows is clear without a comma.</summary>
        public bool MayLackComma { get; set; }

        public void Add(string json)
        {
            MayLackComma = false;
            if (IsList)
            {
                _items.Append(_items.Length > 0 ? ", " : "").Append(json);
            }
            else
            {
                _members.Set(Key, json);
            }
        }

        public string ToJson() => IsList ? $"[{_items}]" : _members.ToJson();
    }
}
