using System.Globalization;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>Reads a pattern from left to right.</summary>
internal sealed class RegexReader(string pattern)
{
    public int Position { get; set; }

    public bool AtEnd => Position >= pattern.Length;

    public char Peek => AtEnd ? throw Error("more was expected") : pattern[Position];

    public char Take() => AtEnd ? throw Error("more was expected") : pattern[Position++];

    public bool LooksAt(string text) => string.CompareOrdinal(pattern, Position, text, 0, text.Length) == 0;

    /// <summary>True when <paramref name="wanted"/> stands somewhere at or after the position.</summary>
    public bool Sees(char wanted) => pattern.IndexOf(wanted, Position) >= 0;

    /// <summary>True before two or three digits of an octal number: with more digits than groups, that is no back-reference.</summary>
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

    /// <summary>Takes up to <paramref name="maxDigits"/> digits of the base; fails when there are fewer than <paramref name="minDigits"/>.</summary>
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

    /// <summary>Takes the text before <paramref name="end"/>, and the end itself.</summary>
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
