using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

internal sealed partial class DictReader
{
    // Represents the format's delimiter in the character class of words.
    private const char DelimiterSign = '\uffff';

    /// <summary>
    /// Takes a string at the position: false when there is none, null when its end has not come yet. A quote that nothing of a dictionary follows
    /// ends none, and neither does one inside of a whole call that the string quotes.
    /// </summary>
    private bool? TakeString(Token token, ReadOnlySpan<char> block, bool final, out string text)
    {
        text = "";
        var isOpen = false;
        var quote = block[Position] is '"' or '\'' ? block[Position] : DelimiterSign;
        var start = Position + (quote == DelimiterSign ? Lookahead.Prefix(block[Position..], _delimiters, out isOpen) : 1);
        if (start == Position)
        {
            return isOpen && !final ? null : false;
        }

        var length = 0;
        for (token.Probe = Math.Max(token.Probe, start); ; token.Probe += length)
        {
            var next = quote == DelimiterSign ? block[token.Probe..].IndexOf('<') : block[token.Probe..].IndexOfAny(quote, '\\', '<');
            token.Probe = next < 0 ? block.Length : token.Probe + next;
            if (next < 0 || (block[token.Probe] == '\\' && token.Probe + 1 == block.Length))
            {
                return null;
            }

            var c = block[token.Probe];
            length = c switch { '\\' => 2, '<' => Lookahead.Prefix(block[token.Probe..], _marks, out isOpen), _ => 1 };
            if (length == 0 && isOpen && !final)
            {
                return null;
            }

            if (c == '\\' || length == 0)
            {
                length = Math.Max(length, 1);
                continue;
            }

            var mark = block.Slice(token.Probe, length);
            if (mark.SequenceEqual(syntax.Opener))
            {
                if (IsQuotedCall(block[(token.Probe + length)..], final) is not { } isQuoted)
                {
                    return null;
                }

                token.Depth += isQuoted ? 1 : 0;
                continue;
            }

            if (c == '<' && !mark.SequenceEqual(syntax.Delimiter))
            {
                // The call's closer: the string ends before it, if at another kind of quote, or holds it.
                var other = token is { Depth: 0, MayEndOtherwise: true } ? OtherEnd(token, block[..(token.Probe + length)], start, quote) : 0;
                (token.Depth, token.MayEndOtherwise) = (Math.Max(0, token.Depth - 1), token.MayEndOtherwise && token.Depth > 0);
                if (other == 0)
                {
                    continue;
                }

                (token.Probe, length) = (other, 1);
            }
            else if (token.Depth > 0)
            {
                continue;
            }
            else if (Ends(token, block, token.Probe + length, isOwn: (c == '<' ? DelimiterSign : c) == quote, final) is not { } ends)
            {
                return null;
            }
            else if (!ends)
            {
                continue;
            }

            text = Text(block[start..token.Probe], quote);
            Position = token.Probe + length;
            return true;
        }
    }

    /// <summary>What stands between quotes: escapes are read in plain ones, and a call that it quotes is quoted to the letter.</summary>
    private string Text(ReadOnlySpan<char> raw, char quote)
    {
        var text = raw.Contains(syntax.Opener, StringComparison.Ordinal) ? raw.ToString() : Plain(raw);
        return quote == DelimiterSign ? text : PythonLiteral.Unescape(text);
    }

    /// <summary>
    /// Where a string that is open at the end of its call ends at another kind of quote than it began with; 0 where it does not. Quotes that come in
    /// pairs are the string's own.
    /// </summary>
    private int OtherEnd(Token token, ReadOnlySpan<char> call, int start, char quote)
    {
        var (plain, single) = (0, 0);
        for (var at = start; at < call.Length; at++)
        {
            var isOdd = call[at] switch { '"' => plain++ % 2 == 0, '\'' => single++ % 2 == 0, _ => false };
            if (isOdd && Ends(token, call, at + 1, isOwn: false, final: true) == true)
            {
                return at;
            }

            at += call[at] == '\\' && quote != DelimiterSign ? 1 : 0;
        }

        return 0;
    }

    private static bool? IsQuotedCall(ReadOnlySpan<char> text, bool final)
    {
        var at = text[..Math.Min(text.Length, MaxHeader)].IndexOfAny('{', '<');
        return at < 0 ? (final || text.Length >= MaxHeader ? false : null) : text[at] == '{' && text.TrimStart().StartsWith("call");
    }

    /// <summary>Whether a string can end before a position; null when more characters are needed to know.</summary>
    private bool? Ends(Token token, ReadOnlySpan<char> block, int position, bool isOwn, bool final)
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

        if (closed == token.Call.Open.Count)
        {
            var surplus = SkipSurplus(block, at);
            var isCloser = Lookahead.Prefix(block[surplus..], syntax.Closers, out var open) > 0;
            if (isCloser || (open && !final))
            {
                return isCloser ? true : null;
            }
        }

        return closed > 0 ? !(block[at] is '"' or '\'' or ':' or '}' or ']' or ')' || (closed == token.Call.Open.Count && block[at] == ','))
            : block[at] == ',' ? inner.IsList ? true : IsKey(inner, block, at + 1, mustBeDeclared: null, final)
            : !isOwn ? false
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

    /// <summary>Gets the position after surplus brackets and commas that follow a call's arguments.</summary>
    private static int SkipSurplus(ReadOnlySpan<char> block, int position)
    {
        var window = block[position..Math.Min(block.Length, position + Lookahead.MaxSpace)];
        var length = 0;
        while (length < window.Length && (char.IsWhiteSpace(window[length]) || window[length] is '}' or ']' or ')' or ','))
        {
            length++;
        }

        return position + length;
    }

    // A delimiter inside a text is converted to the quote that it represents.
    private string Plain(ReadOnlySpan<char> text) => text.ToString().Replace(syntax.Delimiter, "\"", StringComparison.Ordinal);

    // Words without delimiters are typed by their spelling, but never against the schema.
    private static string Bare(string word, ValueTypes types) => types != ValueTypes.Unknown ? ValueCoercer.Coerce(word, types)
        : word is "true" or "false" or "null" || ValueCoercer.IsNumber(word) ? word
        : word is "None" ? "null"
        : JsonText.Quote(word);

    /// <summary>In a call, whose arguments may quote others.</summary>
    private abstract record InCall(DictCall Call) : BlockState
    {
        public override bool HoldsValue => true;
    }

    /// <summary>Before or in a key or a value, as far as it was looked at.</summary>
    private abstract record Token(DictCall Call) : InCall(Call)
    {
        public int Probe { get; set; }

        /// <summary>False once the call's closer came and a string did not end before it at another kind of quote.</summary>
        public bool MayEndOtherwise { get; set; } = true;

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

    /// <summary>After unreadable text, which skips to the end of the call.</summary>
    private sealed record Broken(DictCall Call) : InCall(Call);

    /// <summary>After the arguments.</summary>
    private sealed record Closer(DictCall Call) : InCall(Call);
}
