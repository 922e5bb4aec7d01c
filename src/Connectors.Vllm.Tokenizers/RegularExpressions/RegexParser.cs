using System.Globalization;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>
/// Parses patterns like the engine of the reference, Oniguruma with Ruby syntax (https://github.com/kkos/oniguruma/blob/master/doc/RE). Not
/// supported, with an error that names the feature: back-references, calls, conditions, absent operators, callouts, <c>\K</c>, <c>\X</c>.
/// </summary>
internal sealed class RegexParser
{
    private const int MaxDepth = 100;
    private const int MaxRepeat = 100_000;

    private readonly RegexReader _reader;
    private int _depth;

    private RegexParser(string pattern) => _reader = new RegexReader(pattern);

    /// <exception cref="TokenizerException">The pattern is malformed or uses an unsupported feature; the message contains the position.</exception>
    public static RegexNode Parse(string pattern)
    {
        var parser = new RegexParser(pattern);
        var node = parser.ParseChoice(default);
        return parser._reader.AtEnd ? node : throw parser._reader.Error("a ')' without '('");
    }

    private RegexNode ParseChoice(RegexFlags flags)
    {
        if (++_depth > MaxDepth)
        {
            throw _reader.Error($"groups are nested deeper than {MaxDepth.ToString(CultureInfo.InvariantCulture)}");
        }

        var branches = new List<RegexNode> { ParseSequence(flags) };
        while (_reader.TryTake('|'))
        {
            branches.Add(ParseSequence(flags));
        }

        _depth--;
        return branches.Count == 1 ? branches[0] : new RegexNode.Choice(branches);
    }

    private RegexNode ParseSequence(RegexFlags flags)
    {
        var parts = new List<RegexNode>();
        while (!_reader.AtEnd && _reader.Peek is not ('|' or ')'))
        {
            if (flags.HasFlag(RegexFlags.Extended) && SkipBlank())
            {
                continue;
            }

            if (_reader.TryTake("(?#"))
            {
                SkipComment();
                continue;
            }

            if (TryParseFlags(ref flags, out var group))
            {
                // (?i) without a group applies to the end of the enclosing group, including alternatives.
                parts.Add(ParseQuantifiers(group ?? ParseChoice(flags), flags));
                continue;
            }

            parts.Add(ParseQuantifiers(ParseAtom(flags), flags));
        }

        CaselessLiterals.Contract(parts);
        return parts.Count == 1 ? parts[0] : new RegexNode.Sequence(parts);
    }

    private bool SkipBlank()
    {
        if (_reader.Peek is ' ' or '\t' or '\n' or '\r' or '\f' or '\v')
        {
            _reader.Take();
            return true;
        }

        if (!_reader.TryTake('#'))
        {
            return false;
        }

        while (!_reader.AtEnd && _reader.Take() != '\n')
        {
        }

        return true;
    }

    private void SkipComment()
    {
        while (!_reader.AtEnd)
        {
            switch (_reader.Take())
            {
                case ')':
                    return;
                case '\\' when !_reader.AtEnd:
                    _reader.Take();
                    break;
            }
        }

        throw _reader.Error("a comment without ')'");
    }

    /// <summary>Reads <c>(?imx-imx)</c>, which changes <paramref name="flags"/>, or <c>(?imx-imx:…)</c>, which is a group.</summary>
    private bool TryParseFlags(ref RegexFlags flags, out RegexNode? group)
    {
        group = null;
        var start = _reader.Position;
        if (!_reader.TryTake("(?") || _reader.AtEnd || _reader.Peek is not ('i' or 'm' or 'x' or '-'))
        {
            _reader.Position = start;
            return false;
        }

        var changed = flags;
        for (var on = true; ;)
        {
            var flag = RegexFlags.None;
            switch (_reader.Take())
            {
                case 'i':
                    flag = RegexFlags.IgnoreCase;
                    break;
                case 'm':
                    flag = RegexFlags.DotMatchesAll;
                    break;
                case 'x':
                    flag = RegexFlags.Extended;
                    break;
                case '-':
                    on = false;
                    break;
                case ')':
                    flags = changed;
                    return true;
                case ':':
                    group = ParseChoice(changed);
                    _reader.Expect(')');
                    return true;
                default:
                    throw _reader.Error("an unknown group option; known are i, m and x");
            }

            changed = on ? changed | flag : changed & ~flag;
        }
    }

    private RegexNode ParseQuantifiers(RegexNode node, RegexFlags flags)
    {
        for (var count = 0; !_reader.AtEnd;)
        {
            if (flags.HasFlag(RegexFlags.Extended) && SkipBlank())
            {
                continue;
            }

            if (!TryParseRepeat(out var min, out var max, out var isInterval))
            {
                return node;
            }

            if (++count > MaxDepth)
            {
                throw _reader.Error("too many quantifiers on one element");
            }

            if (node is RegexNode.Look or RegexNode.Anchor)
            {
                throw _reader.Error("a quantifier on an element without length");
            }

            if (_reader.TryTake('?'))
            {
                // x{n}? is an optional x{n}, not a lazy one.
                node = isInterval && min == max
                    ? new RegexNode.Repeat(new RegexNode.Repeat(node, min, max, Lazy: false), 0, 1, Lazy: false)
                    : new RegexNode.Repeat(node, min, max, Lazy: true);
            }
            else if (!isInterval && _reader.TryTake('+'))
            {
                node = new RegexNode.Atomic(new RegexNode.Repeat(node, min, max, Lazy: false));
            }
            else
            {
                node = new RegexNode.Repeat(node, min, max, Lazy: false);
            }
        }

        return node;
    }

    private bool TryParseRepeat(out int min, out int max, out bool isInterval)
    {
        isInterval = false;
        (min, max) = (0, -1);
        if (_reader.TryTake('*'))
        {
            return true;
        }

        if (_reader.TryTake('+'))
        {
            min = 1;
            return true;
        }

        if (_reader.TryTake('?'))
        {
            max = 1;
            return true;
        }

        return isInterval = TryParseInterval(out min, out max);
    }

    /// <summary>Parses {n}, {n,}, {n,m} or {,m}; anything else that begins with a brace is text.</summary>
    private bool TryParseInterval(out int min, out int max)
    {
        (min, max) = (0, -1);
        var start = _reader.Position;
        if (!_reader.TryTake('{'))
        {
            return false;
        }

        var low = _reader.TryTakeNumber(MaxRepeat);
        var high = low;
        if (_reader.TryTake(','))
        {
            high = _reader.TryTakeNumber(MaxRepeat);
            if (low is null && high is null)
            {
                low = null;
            }
            else
            {
                low ??= 0;
                high ??= -1;
            }
        }

        if (low is null || !_reader.TryTake('}'))
        {
            _reader.Position = start;
            return false;
        }

        (min, max) = (low.Value, high!.Value);
        return max < 0 || min <= max ? true : throw _reader.Error("an interval whose upper bound is below its lower one");
    }

    private RegexNode ParseAtom(RegexFlags flags)
    {
        var start = _reader.Position;
        switch (_reader.Peek)
        {
            case '(':
                return ParseGroup(flags);
            case '[':
                var negated = _reader.LooksAt("[^");
                var set = new RegexClassParser(_reader, flags).Parse();
                return flags.HasFlag(RegexFlags.IgnoreCase) && !negated ? CaselessLiterals.MakeClass(set) : new RegexNode.One(set);
            case '.':
                _reader.Take();
                return new RegexNode.One(flags.HasFlag(RegexFlags.DotMatchesAll) ? CodePointSet.All : CodePointSet.Of('\n').Negate());
            case '^':
                _reader.Take();
                return new RegexNode.Anchor(RegexOp.LineStart);
            case '$':
                _reader.Take();
                return new RegexNode.Anchor(RegexOp.LineEnd);
            case '\\':
                _reader.Take();
                return ParseEscape(flags);
            case '*' or '+' or '?':
                throw _reader.Error("nothing to repeat");
            case '{' when TryParseInterval(out _, out _):
                _reader.Position = start;
                throw _reader.Error("nothing to repeat");
            default:
                return Literal(_reader.TakeCodePoint(), flags);
        }
    }

    private static RegexNode Literal(int codePoint, RegexFlags flags) => flags.HasFlag(RegexFlags.IgnoreCase)
        ? CaselessLiterals.Make(codePoint)
        : new RegexNode.One(CodePointSet.Of(codePoint));

    private RegexNode ParseGroup(RegexFlags flags)
    {
        _reader.Expect('(');

        // A group can be repeated regardless of its content.
        Func<RegexNode, RegexNode> wrap = body => body is RegexNode.Look or RegexNode.Anchor ? new RegexNode.Sequence([body]) : body;
        if (_reader.TryTake("?:"))
        {
        }
        else if (_reader.TryTake("?="))
        {
            wrap = body => new RegexNode.Look(body, Behind: false, Negative: false);
        }
        else if (_reader.TryTake("?!"))
        {
            wrap = body => new RegexNode.Look(body, Behind: false, Negative: true);
        }
        else if (_reader.TryTake("?<="))
        {
            wrap = body => new RegexNode.Look(body, Behind: true, Negative: false);
        }
        else if (_reader.TryTake("?<!"))
        {
            wrap = body => new RegexNode.Look(body, Behind: true, Negative: true);
        }
        else if (_reader.TryTake("?>"))
        {
            wrap = body => new RegexNode.Atomic(body);
        }
        else if (_reader.TryTake("?<"))
        {
            _reader.TakeName('>');
        }
        else if (_reader.TryTake("?'"))
        {
            _reader.TakeName('\'');
        }
        else if (_reader.TryTake('?'))
        {
            throw _reader.Error("a kind of group that is not supported");
        }

        var node = ParseChoice(flags);
        _reader.Expect(')');
        return wrap(node);
    }

    private RegexNode ParseEscape(RegexFlags flags)
    {
        if (_reader.AtEnd)
        {
            throw _reader.Error("a backslash at the end");
        }

        if (RegexEscapes.TryParseClass(_reader, inClass: false, out var set))
        {
            return new RegexNode.One(set);
        }

        var anchor = _reader.Peek switch
        {
            'A' => RegexOp.TextStart,
            'z' => RegexOp.TextEnd,
            'Z' => RegexOp.TextEndOrLastBreak,
            'G' => RegexOp.SearchStart,
            'b' => RegexOp.WordBoundary,
            'B' => RegexOp.NotWordBoundary,
            _ => RegexOp.Fail,
        };
        if (anchor != RegexOp.Fail)
        {
            _reader.Take();
            return new RegexNode.Anchor(anchor);
        }

        switch (_reader.Peek)
        {
            case 'R':
                _reader.Take();
                return new RegexNode.Atomic(new RegexNode.Choice(
                [
                    new RegexNode.Sequence([new RegexNode.One(CodePointSet.Of('\r')), new RegexNode.One(CodePointSet.Of('\n'))]),
                    new RegexNode.One(CodePointSet.FromRanges([(10, 13), (0x85, 0x85), (0x2028, 0x2029)])),
                ]));
            case 'N':
                _reader.Take();
                return new RegexNode.One(CodePointSet.Of('\n').Negate());
            case 'O':
                _reader.Take();
                return new RegexNode.One(CodePointSet.All);
            case >= '1' and <= '9' when !_reader.SeesOctal():
            case 'k' or 'g' or 'K' or 'X' or 'y' or 'Y':
                throw _reader.Error($"\\{_reader.Peek}, which is not supported");
            default:
                return Literal(RegexEscapes.ParseCharacter(_reader), flags);
        }
    }
}
