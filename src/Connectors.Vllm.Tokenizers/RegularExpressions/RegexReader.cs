using System.Globalization;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>Reads a pattern from left to right.</summary>
internal sealed class RegexReader(string pattern)
{
    public int Position { get; set; }

    public bool AtEnd => Position >= pattern.Length;

    public char Peek => AtEnd ? throw Error("more was expected") : pattern[Position];

    public char Take() => AtEnd ? throw Error("more was expected") : pattern[Position++];

    public bool LooksAt(string text) => string.CompareOrdinal(pattern, Position, text, 0, text.Length) == 0;

    /// <summary>Whether <paramref name="wanted"/> occurs at or after the position.</summary>
    public bool Sees(char wanted) => pattern.IndexOf(wanted, Position) >= 0;

    /// <summary>Whether an octal number of two or three digits follows, which is not a back-reference.</summary>
    public bool SeesOctal() => Position + 1 < pattern.Length && Peek is >= '1' and <= '7' && pattern[Position + 1] is >= '0' and <= '7';

    public bool TryTake(char wanted)
    {
        if (AtEnd || Peek != wanted)
        {
            return false;
        }

        Position++;
        return true;
    }

    public bool TryTake(string wanted)
    {
        if (!LooksAt(wanted))
        {
            return false;
        }

        Position += wanted.Length;
        return true;
    }

    public void Expect(char wanted)
    {
        if (!TryTake(wanted))
        {
            throw Error($"'{wanted}' is missing");
        }
    }

    public int TakeCodePoint()
    {
        var first = Take();
        if (char.IsHighSurrogate(first) && !AtEnd && char.IsLowSurrogate(Peek))
        {
            return char.ConvertToUtf32(first, Take());
        }

        return char.IsSurrogate(first) ? 0xFFFD : first;
    }

    public int? TryTakeNumber(int limit)
    {
        var start = Position;
        var value = 0;
        while (!AtEnd && char.IsAsciiDigit(Peek))
        {
            value = Math.Min((value * 10) + (Take() - '0'), limit + 1);
        }

        return value > limit ? throw Error("a number that is too large") : Position == start ? null : value;
    }

    /// <summary>Reads up to <paramref name="maxDigits"/> digits of the base; throws if there are fewer than <paramref name="minDigits"/>.</summary>
    public int TakeDigits(int numberBase, int minDigits, int maxDigits)
    {
        var value = 0;
        var count = 0;
        for (; count < maxDigits && !AtEnd && char.IsAsciiHexDigit(Peek); count++)
        {
            var digit = Convert.ToInt32(Peek.ToString(), 16);
            if (digit >= numberBase)
            {
                break;
            }

            value = (value * numberBase) + digit;
            Position++;
        }

        return count >= minDigits ? value : throw Error("a digit is missing");
    }

    /// <summary>Reads the text before <paramref name="end"/>, and consumes the end.</summary>
    public string TakeName(char end)
    {
        var length = pattern.IndexOf(end, Position) - Position;
        if (length <= 0)
        {
            throw Error($"a name and '{end}' are missing");
        }

        var name = pattern.Substring(Position, length);
        Position += length + 1;
        return name;
    }

    public TokenizerException Error(string what) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"the regular expression '{pattern}' has {what}, at position {Position}"));
}

/// <summary>Escapes that have the same meaning inside and outside a class. The reader is after the backslash.</summary>
internal static class RegexEscapes
{
    private static readonly CodePointSet HexDigits = CodePointSet.FromRanges([('0', '9'), ('A', 'F'), ('a', 'f')]);

    /// <summary>Class escapes: <c>\s \S \w \W \d \D \h \H \p{…} \P{…}</c>.</summary>
    /// <param name="reader">The reader, after the backslash.</param>
    /// <param name="inClass">Whether the escape is in a class, where <c>\w</c> has fewer members.</param>
    /// <param name="set">The class.</param>
    public static bool TryParseClass(RegexReader reader, bool inClass, out CodePointSet set)
    {
        set = CodePointSet.Empty;
        var kind = reader.Peek;
        switch (kind)
        {
            case 's' or 'S':
                set = UnicodeSets.WhiteSpace;
                break;
            case 'w' or 'W':
                set = inClass ? UnicodeSets.ClassWord : UnicodeSets.Word;
                break;
            case 'd' or 'D':
                set = UnicodeSets.OfCategories(UnicodeCategory.DecimalDigitNumber);
                break;
            case 'h' or 'H':
                set = HexDigits;
                break;
            case 'p' or 'P':
                reader.Take();
                if (reader.TryTake('{'))
                {
                    set = ParseProperty(reader, negate: kind == 'P', inClass);
                    return true;
                }

                reader.Position--;
                return false;
            default:
                return false;
        }

        reader.Take();
        set = char.IsAsciiLetterUpper(kind) ? set.Negate() : set;
        return true;
    }

    /// <summary>Parses an escape of one character: a control character, a number, or a literal character.</summary>
    public static int ParseCharacter(RegexReader reader)
    {
        var escaped = reader.TakeCodePoint();
        switch (escaped)
        {
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case 'a':
                return '\a';
            case 'e':
                return 0x1B;
            case '0':
                return reader.TakeDigits(8, 0, 2);
            case >= '1' and <= '7':
                reader.Position--;
                return reader.TakeDigits(8, 1, 3);
            case 'u':
                return Valid(reader, reader.TakeDigits(16, 4, 4));
            case 'x' when reader.TryTake('{'):
                var value = reader.TakeDigits(16, 1, 8);
                reader.Expect('}');
                return Valid(reader, value);
            case 'x':
                value = reader.TakeDigits(16, 0, 2);
                return value < 0x80
                    ? value
                    : throw reader.Error("a single byte above 7F, which is not supported; write \\x{…} with the code point");
            case 'c' or 'C' or 'M':
                throw reader.Error("a control or meta escape, which is not supported");
            default:
                return escaped;
        }
    }

    private static int Valid(RegexReader reader, int codePoint) => codePoint is >= 0 and < CodePoints.Count
        ? codePoint
        : throw reader.Error("a number that is not a code point");

    private static CodePointSet ParseProperty(RegexReader reader, bool negate, bool inClass)
    {
        if (reader.TryTake('^'))
        {
            negate = !negate;
        }

        var start = reader.Position;
        var name = reader.TakeName('}');
        if (!RegexProperties.TryFind(name, out var set))
        {
            reader.Position = start;
            throw reader.Error($"the unknown property '{name}'");
        }

        // The only property that has more members outside a class.
        set = !inClass && ReferenceEquals(set, UnicodeSets.ClassWord) ? UnicodeSets.Word : set;
        return negate ? set.Negate() : set;
    }
}
