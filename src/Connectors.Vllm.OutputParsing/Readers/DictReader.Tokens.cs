using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

internal sealed partial class DictReader
{
    // Stands for the format's delimiter among the signs of a word.
    private const char DelimiterSign = '\uffff';

    /// <summary>Takes a string at the position: false when there is none, null when its end has not come yet.</summary>
    private bool? TakeString(Token token, ReadOnlySpan<char> block, bool final, out string text)
    {
        text = "";
        var rest = block[Position..];
        if (rest[0] is '"' or '\'')
        {
            return TakeQuoted(token, block, rest[0], final, out text);
        }

        if (Lookahead.Prefix(rest, _delimiters, out var open) == 0)
        {
            return open && !final ? null : false;
        }

        var start = Position + syntax.Delimiter.Length;
        token.Probe = Math.Max(token.Probe, start);
        while (true)
        {
            // A whole call that the string quotes may hold delimiters.
            var at = Lookahead.First(block, token.Probe, token.Depth > 0 ? _closerOrCall : _delimiterOrCall, out var length, out var safe);
            token.Probe = at < 0 ? safe : at + length;
            if (at < 0)
            {
                return null;
            }

            var mark = block.Slice(at, length);
            if (syntax.Closers.Contains(mark.ToString()))
            {
                token.Depth--;
            }
            else if (mark.SequenceEqual(syntax.Delimiter))
            {
                if (Ends(token, block, at + length, final) is not { } ends)
                {
                    token.Probe = at;
                    return null;
                }

                if (ends)
                {
                    // A call that it quotes is quoted to the letter.
                    var raw = block[start..at];
                    text = raw.Contains(syntax.Opener, StringComparison.Ordinal) ? raw.ToString() : Plain(raw);
                    Position = at + length;
                    return true;
                }
            }
            else if (IsQuotedCall(block[(at + length)..], final) is not { } isQuoted)
            {
                token.Probe = at;
                return null;
            }
            else
            {
                token.Depth += isQuoted ? 1 : 0;
            }
        }
    }

    private static bool? IsQuotedCall(ReadOnlySpan<char> text, bool final)
    {
        var at = text[..Math.Min(text.Length, MaxHeader)].IndexOfAny('{', '<');
        return at < 0 ? (final || text.Length >= MaxHeader ? false : null) : text[at] == '{' && text.TrimStart().StartsWith("call");
    }

    /// <summary>A string in quotes, with escapes. A quote that nothing of a dictionary follows ends none.</summary>
    private bool? TakeQuoted(Token token, ReadOnlySpan<char> block, char quote, bool final, out string text)
    {
        text = "";
        token.Probe = Math.Max(token.Probe, Position + 1);
        while (true)
        {
            var next = block[token.Probe..].IndexOfAny(quote, '\\');
            token.Probe = next < 0 ? block.Length : token.Probe + next;
            if (next < 0 || (block[token.Probe] == '\\' && token.Probe + 1 == block.Length))
            {
                return null;
            }

            if (block[token.Probe] == '\\')
            {
                token.Probe += 2;
                continue;
            }

            if (Ends(token, block, token.Probe + 1, final) is not { } ends)
            {
                return null;
            }

            if (ends)
            {
                text = PythonLiteral.Unescape(block[(Position + 1)..token.Probe]);
                Position = token.Probe + 1;
                return true;
            }

            token.Probe++;
        }
    }

    /// <summary>Whether a string can end before a position; null when more characters are needed to know.</summary>
    private bool? Ends(Token token, ReadOnlySpan<char> block, int position, bool final)
    {
        var at = Lookahead.SkipSpace(block, position);
        if (at == block.Length || at - position >= Lookahead.MaxSpace)
        {
            return final || at - position >= Lookahead.MaxSpace ? true : null;
        }

        if (token is AtKey)
        {
            return block[at] is ':' or '=';
        }

        var (inner, closed) = (token.Call.Inner, 0);
        foreach (var open in token.Call.Open)
        {
            if (block[at] != open.End)
            {
                break;
            }

            closed++;
            at = Lookahead.SkipSpace(block, at + 1);
            if (at == block.Length)
            {
                return final || at - position >= Lookahead.MaxSpace ? true : null;
            }
        }

        return closed > 0 ? !(block[at] is '"' or '\'' or ':' or '}' or ']' or ')' || (closed == token.Call.Open.Count && block[at] == ','))
            : block[at] == ',' ? inner.IsList ? true : IsKey(inner, block, at + 1, mustBeDeclared: null, final)
            : IsMark(block[at..]) ? true
            : inner.IsList ? block[at] is '"' or '\'' or '<'
            : IsKey(inner, block, at, mustBeDeclared: true, final);
    }

    /// <summary>
    /// Whether a key stands at a position, or nothing; null when more characters are needed to know. Behind a comma it must be a declared one only
    /// where space is between them, as in a sentence.
    /// </summary>
    private bool? IsKey(DictContainer container, ReadOnlySpan<char> block, int position, bool? mustBeDeclared, bool final)
    {
        var window = block[position..Math.Min(block.Length, position + MaxHeader)];
        var text = window.TrimStart();
        var isCut = window.Length < MaxHeader && !final;
        if (text.IsEmpty)
        {
            return isCut ? null : false;
        }

        if (text[0] == container.End || text[0] == ',')
        {
            return true;
        }

        // Between quotes or delimiters, or up to its colon.
        var quote = Lookahead.Prefix(text, _delimiters, out var open);
        quote = text[0] is '"' or '\'' ? 1 : quote;
        if (quote == 0 && open && isCut)
        {
            return null;
        }

        var rest = text[quote..];
        var end = quote > 0 ? rest.IndexOf(text[..quote], StringComparison.Ordinal) : rest.IndexOfAny(":=,{}()[]\"'<".AsSpan());
        var behind = end < 0 ? [] : rest[(end + quote)..].TrimStart();
        var isFree = !(mustBeDeclared ?? text.Length < window.Length);
        return behind.IsEmpty ? (isCut ? null : false)
            : end > 0 && behind[0] is ':' or '=' && (isFree || container.MayHold(rest[..end].Trim().ToString()));
    }

    /// <summary>
    /// Where a word without quotes ends: brackets and quotes inside of it are its own as long as they come in pairs. Null when its end has not
    /// come yet.
    /// </summary>
    private int? WordEnd(AtValue word, ReadOnlySpan<char> block, bool final)
    {
        var inner = word.Call.Inner;
        word.Probe = Math.Max(word.Probe, Position);
        while (true)
        {
            var next = block[word.Probe..].IndexOfAny(",{}[]()<\"'".AsSpan());
            word.Probe = next < 0 ? block.Length : word.Probe + next;
            if (next < 0)
            {
                return null;
            }

            var (c, length) = (block[word.Probe], 1);
            if (c == '<')
            {
                length = Lookahead.Prefix(block[word.Probe..], _delimiterOrCloser, out var open);
                if (open && length == 0)
                {
                    return null;
                }

                var isCloser = length > 0 && !block[word.Probe..].StartsWith(syntax.Delimiter, StringComparison.Ordinal);
                if (isCloser && !word.Call.WordsNest)
                {
                    return word.Probe;
                }

                if (isCloser)
                {
                    // The call ends inside a word, so a bracket or quote of it was none: from here on those in words are mere characters.
                    (word.Probe, word.Depth, word.Quote, word.Call.WordsNest) = (Position, 0, '\0', false);
                    continue;
                }

                c = length > 0 ? DelimiterSign : c;
            }
            else if (word.Depth == 0 && word.Quote == '\0' && (c == ',' || c == inner.End))
            {
                // In a dictionary, a comma that no key follows is part of the word.
                var isEnd = c == ',' && !inner.IsList ? IsKey(inner, block, word.Probe + 1, mustBeDeclared: null, final) : true;
                if (isEnd != false)
                {
                    return isEnd is null ? null : word.Probe;
                }
            }

            if (word.Call.WordsNest && !word.TakeSign(c, block))
            {
                return null;
            }

            word.Probe += Math.Max(length, 1);
        }
    }

    // A delimiter inside of a text is the quote that it stands for.
    private string Plain(ReadOnlySpan<char> text) => text.ToString().Replace(syntax.Delimiter, "\"", StringComparison.Ordinal);

    // Words without delimiters are typed by their spelling, but never against the schema.
    private static string Bare(string word, ValueTypes types) => types != ValueTypes.Unknown ? ValueCoercer.Coerce(word, types)
        : word is "true" or "false" or "null" || ValueCoercer.IsNumber(word) ? word
        : word is "None" ? "null"
        : JsonText.Quote(word);

    /// <summary>A call whose arguments are being read; they begin at <paramref name="start"/>.</summary>
    private sealed class DictCall(string name, int start)
    {
        public string Name => name;

        public int Start => start;

        /// <summary>The dictionaries and lists that are not closed yet.</summary>
        public Stack<DictContainer> Open { get; } = new();

        public DictContainer Inner => Open.Peek();

        /// <summary>False once brackets or quotes in a word turned out not to come in pairs.</summary>
        public bool WordsNest { get; set; } = true;
    }

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

        /// <summary>True after a string, and in a dictionary after a list or dictionary: what follows is clear without a comma.</summary>
        public bool MayLackComma { get; set; }

        /// <summary>Whether a word may be a key here: a declared one, or nothing is known of them.</summary>
        public bool MayHold(string key) => schema.DeclaredCount == 0 || schema.Declares(key);

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

    /// <summary>In a call, whose arguments may quote others.</summary>
    private abstract record InCall(DictCall Call) : BlockState
    {
        public override bool HoldsValue => true;
    }

    /// <summary>Before or in a key or a value, as far as it was looked at.</summary>
    private abstract record Token(DictCall Call) : InCall(Call)
    {
        public int Probe { get; set; }

        /// <summary>In a string, the calls it quotes; in a word, its open brackets.</summary>
        public int Depth { get; set; }
    }

    private sealed record AtKey(DictCall Call) : Token(Call);

    private sealed record AtValue(DictCall Call) : Token(Call)
    {
        /// <summary>The quote that is open in a word.</summary>
        public char Quote { get; set; }

        /// <summary>Counts a bracket or a quote of a word; false when more characters are needed to know.</summary>
        public bool TakeSign(char sign, ReadOnlySpan<char> block)
        {
            // A quote begins after a sign, and one that is an apostrophe ends before none but a sign.
            if (Quote != '\0')
            {
                if (sign == Quote && sign == '\'' && Probe + 1 == block.Length)
                {
                    return false;
                }

                Quote = sign == Quote && !(sign == '\'' && char.IsLetterOrDigit(block[Probe + 1])) ? '\0' : Quote;
            }
            else if (sign is '"' or '\'' or DelimiterSign)
            {
                Quote = sign == DelimiterSign || !char.IsLetterOrDigit(block[Probe - 1]) ? sign : Quote;
            }
            else if (sign is not (',' or '<'))
            {
                Depth = Math.Max(0, Depth + (sign is '{' or '[' or '(' ? 1 : -1));
            }

            return true;
        }
    }

    private sealed record AtColon(DictCall Call) : InCall(Call);

    private sealed record AtComma(DictCall Call) : InCall(Call);

    /// <summary>Behind what cannot be read: the call's closer is looked for.</summary>
    private sealed record Broken(DictCall Call) : InCall(Call);

    /// <summary>Behind the arguments.</summary>
    private sealed record Closer(DictCall Call) : InCall(Call);
}
