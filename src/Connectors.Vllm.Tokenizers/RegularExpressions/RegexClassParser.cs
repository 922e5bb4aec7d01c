using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>Parses a class: ranges, negation, nested classes, POSIX names and intersection (<c>&amp;&amp;</c>).</summary>
internal sealed class RegexClassParser(RegexReader reader, RegexFlags flags, int depth = 0)
{
    private const int MaxDepth = 50;

    /// <summary>The reader stands before the opening bracket; afterwards behind the closing one.</summary>
    public CodePointSet Parse()
    {
        if (depth > MaxDepth)
        {
            throw reader.Error("classes that are nested too deep");
        }

        reader.Expect('[');
        var negate = reader.TryTake('^');
        CodePointSet? intersection = null;
        var set = CodePointSet.Empty;
        for (var isFirst = true; !reader.TryTake(']') || IsLiteralBracket(isFirst, ref set); isFirst = false)
        {
            if (reader.AtEnd)
            {
                throw reader.Error("a class without ']'");
            }

            if (reader.TryTake("&&"))
            {
                intersection = intersection?.Intersect(set) ?? set;
                set = CodePointSet.Empty;
                continue;
            }

            if (!reader.LooksAt("]"))
            {
                set = set.Union(ParseItem());
            }
        }

        set = intersection?.Intersect(set) ?? set;
        return negate ? set.Negate() : set;
    }

    /// <summary>A closing bracket directly behind the opening one is a member, when another one follows.</summary>
    private bool IsLiteralBracket(bool isFirst, ref CodePointSet set)
    {
        if (!isFirst)
        {
            return false;
        }

        if (!reader.Sees(']'))
        {
            throw reader.Error("an empty class");
        }

        set = set.Union(CodePointSet.Of(']'));
        return true;
    }

    private CodePointSet ParseItem()
    {
        if (reader.LooksAt("[:") && TryParsePosix(out var posix))
        {
            return posix;
        }

        if (reader.LooksAt("["))
        {
            return new RegexClassParser(reader, flags, depth + 1).Parse();
        }

        if (reader.TryTake('\\'))
        {
            if (reader.AtEnd)
            {
                throw reader.Error("a backslash at the end");
            }

            if (RegexEscapes.TryParseClass(reader, inClass: true, out var escaped))
            {
                if (reader.LooksAt("-") && !reader.LooksAt("-]"))
                {
                    throw reader.Error("a class as the start of a range");
                }

                return escaped;
            }

            return ParseRange(ParseEscapedCharacter());
        }

        return ParseRange(reader.TakeCodePoint());
    }

    private int ParseEscapedCharacter()
    {
        if (reader.TryTake('b'))
        {
            return '\b';
        }

        return reader.Peek is 'R' or 'X'
            ? throw reader.Error($"\\{reader.Peek} inside a class")
            : RegexEscapes.ParseCharacter(reader);
    }

    private CodePointSet ParseRange(int first)
    {
        var beforeDash = reader.Position;
        if (!reader.TryTake('-'))
        {
            return Fold(CodePointSet.Of(first));
        }

        // A dash before the end, before another class, or before an intersection stands for itself.
        if (reader.LooksAt("]") || reader.LooksAt("[") || reader.LooksAt("&&") || reader.AtEnd)
        {
            reader.Position = beforeDash;
            return Fold(CodePointSet.Of(first));
        }

        int last;
        if (reader.TryTake('\\'))
        {
            if (!reader.AtEnd && RegexEscapes.TryParseClass(reader, inClass: true, out _))
            {
                throw reader.Error("a class as the end of a range");
            }

            last = ParseEscapedCharacter();
        }
        else
        {
            last = reader.TakeCodePoint();
        }

        return last >= first ? Fold(CodePointSet.Range(first, last)) : throw reader.Error("a range whose end lies before its start");
    }

    private bool TryParsePosix(out CodePointSet set)
    {
        var start = reader.Position;
        reader.Position += 2;
        var negate = reader.TryTake('^');
        var name = new System.Text.StringBuilder();
        while (!reader.AtEnd && char.IsAsciiLetter(reader.Peek))
        {
            name.Append(reader.Take());
        }

        if (reader.TryTake(":]") && RegexProperties.Posix(name.ToString()) is { } found)
        {
            set = negate ? found.Negate() : found;
            return true;
        }

        reader.Position = start;
        set = CodePointSet.Empty;
        return false;
    }

    private CodePointSet Fold(CodePointSet set) => flags.HasFlag(RegexFlags.IgnoreCase) ? CaseFolding.Close(set) : set;
}
