namespace Connectors.Vllm.ChatTemplates;

/// <summary>The numbers of a template: decimal, 0b, 0o, 0x, floats; underscores between digits.</summary>
internal static class NumberLexer
{
    /// <summary>Length and kind of the number at an offset that holds a digit.</summary>
    public static (int Length, bool IsFloat) Measure(string source, int start)
    {
        var whole = Digits(source, start, char.IsAsciiDigit);
        if (start == 0 || source[start - 1] != '.')
        {
            var end = whole;
            var fraction = end < source.Length && source[end] == '.' && end + 1 < source.Length && char.IsAsciiDigit(source[end + 1]) ? Digits(source, end + 1, char.IsAsciiDigit) : end;
            var exponent = fraction < source.Length && source[fraction] is 'e' or 'E' ? fraction + 1 : -1;
            exponent += exponent > 0 && exponent < source.Length && source[exponent] is '+' or '-' ? 1 : 0;
            if (exponent > 0 && exponent < source.Length && char.IsAsciiDigit(source[exponent]))
            {
                return (Digits(source, exponent, char.IsAsciiDigit) - start, true);
            }

            if (fraction > end)
            {
                return (fraction - start, true);
            }
        }

        if (source[start] != '0')
        {
            return (whole - start, false);
        }

        var radix = start + 1 < source.Length ? char.ToLowerInvariant(source[start + 1]) : '\0';
        Func<char, bool>? isDigit = radix switch
        {
            'b' => unit => unit is '0' or '1',
            'o' => unit => unit is >= '0' and <= '7',
            'x' => char.IsAsciiHexDigit,
            _ => null,
        };
        if (isDigit is not null)
        {
            var first = start + 2 < source.Length && source[start + 2] == '_' ? start + 3 : start + 2;
            if (first < source.Length && isDigit(source[first]))
            {
                return (Digits(source, first, isDigit) - start, false);
            }
        }

        // A leading zero stands alone: 0, 00, 0_0.
        return (Digits(source, start, unit => unit == '0') - start, false);
    }

    private static int Digits(string source, int at, Func<char, bool> isDigit)
    {
        while (at < source.Length && (isDigit(source[at]) || (source[at] == '_' && at + 1 < source.Length && isDigit(source[at + 1]))))
        {
            at++;
        }

        return at;
    }
}
