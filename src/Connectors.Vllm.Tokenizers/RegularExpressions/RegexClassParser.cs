using System.Globalization;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>Parses a class: ranges, negation, nested classes, POSIX names and intersection (<c>&amp;&amp;</c>).</summary>
internal sealed class RegexClassParser(RegexReader reader, RegexFlags flags, int depth = 0)
{
    private const int MaxDepth = 50;

    /// <summary>Parses a class; the reader is moved from the opening bracket past the closing one.</summary>
    public CodePointSet Parse()
    {
        if (depth > MaxDepth)
        {
            throw reader.Error("character character character character classes that are nested too deeplylylyly");
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

    /// <summary>Whether a closing bracket directly after the opening one is a member, which requires another one after it.</summary>
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

        // A dash before the end, before another class, or before an intersection is literal.
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

        return last >= first ? Fold(CodePointSet.Range(first, last)) : throw reader.Error("a range whose end precedes its start");
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

/// <summary>Character properties by name: general categories, scripts, POSIX classes and a few binary properties.</summary>
internal static class RegexProperties
{
    /// <summary>Category names in the order of <see cref="UnicodeCategory"/>.</summary>
    private static readonly string[] Categories =
    [
        "lu", "ll", "lt", "lm", "lo", "mn", "mc", "me", "nd", "nl", "no", "zs", "zl", "zp", "cc", "cf", "cs", "co",
        "pc", "pd", "ps", "pe", "pi", "pf", "po", "sm", "sc", "sk", "so", "cn",
    ];

    /// <summary>Long names, in the same order.</summary>
    private static readonly string[] LongCategories =
    [
        "uppercaseletter", "lowercaseletter", "titlecaseletter", "modifierletter", "otherletter", "nonspacingmark", "spacingmark", "enclosingmark",
        "decimalnumber", "letternumber", "othernumber", "spaceseparator", "lineseparator", "paragraphseparator", "control", "format", "surrogate",
        "privateuse", "connectorpunctuation", "dashpunctuation", "openpunctuation", "closepunctuation", "initialpunctuation", "finalpunctuation",
        "otherpunctuation", "mathsymbol", "currencysymbol", "modifiersymbol", "othersymbol", "unassigned",
    ];

    private static readonly Dictionary<string, byte> Scripts = MakeScripts();

    /// <summary>Finds a property; case, spaces, hyphens and underscores in its name are ignored.</summary>
    public static bool TryFind(string name, out CodePointSet set)
    {
        var key = Simplify(name);
        var found = Category(key) ?? Named(key);
        if (found is null && Scripts.TryGetValue(key, out var script))
        {
            found = UnicodeSets.OfScript(script);
        }

        set = found ?? CodePointSet.Empty;
        return found is not null;
    }

    /// <summary>Gets the class of <c>[:name:]</c>.</summary>
    public static CodePointSet? Posix(string name) => name switch
    {
        "alnum" => UnicodeSets.Alphabetic.Union(Of("Nd")),
        "alpha" => UnicodeSets.Alphabetic,
        "ascii" => CodePointSet.Range(0, 127),
        "blank" => Of("Zs").Union(CodePointSet.Of('\t')),
        "cntrl" => Of("Cc"),
        "digit" => Of("Nd"),
        "graph" => UnicodeSets.WhiteSpace.Union(Of("Cc")).Union(Of("Cn")).Union(Of("Cs")).Negate(),
        "lower" => CodePointSet.FromTable(UnicodeData.LowercaseProperty),
        "print" => Posix("graph")!.Union(Of("Zs")),
        "punct" => Of("P").Union(Of("S")),
        "space" => UnicodeSets.WhiteSpace,
        "upper" => CodePointSet.FromTable(UnicodeData.UppercaseProperty),
        "xdigit" => CodePointSet.FromRanges([('0', '9'), ('A', 'F'), ('a', 'f')]),
        "word" => UnicodeSets.ClassWord,
        _ => null,
    };

    private static CodePointSet Of(string category) => Category(category.ToLowerInvariant())!;

    private static CodePointSet? Named(string key) => key switch
    {
        "any" => CodePointSet.All,
        "assigned" => Of("Cn").Negate(),
        "alphabetic" => UnicodeSets.Alphabetic,
        "lowercase" => Posix("lower"),
        "uppercase" => Posix("upper"),
        "punct" => Of("P"),
        "whitespace" => UnicodeSets.WhiteSpace,
        "emoji" => CodePointSet.FromTable(UnicodeData.EmojiProperty),
        "extendedpictographic" => CodePointSet.FromTable(UnicodeData.ExtendedPictographicProperty),
        _ => Posix(key),
    };

    private static CodePointSet? Category(string key)
    {
        var group = key switch
        {
            "letter" => "l",
            "mark" or "combiningmark" => "m",
            "number" => "n",
            "separator" => "z",
            "other" => "c",
            "punctuation" => "p",
            "symbol" => "s",
            "casedletter" => "lc",
            _ => key,
        };
        if (group == "lc")
        {
            return UnicodeSets.OfCategories(UnicodeCategory.UppercaseLetter, UnicodeCategory.LowercaseLetter, UnicodeCategory.TitlecaseLetter);
        }

        var longName = Array.IndexOf(LongCategories, group);
        if (longName >= 0)
        {
            return UnicodeSets.OfCategories((UnicodeCategory)longName);
        }

        var categories = group.Length is 1 or 2
            ? Enumerable.Range(0, Categories.Length).Where(i => Categories[i].StartsWith(group, StringComparison.Ordinal))
                .Select(i => (UnicodeCategory)i).ToArray()
            : [];
        return categories.Length == 0 ? null : UnicodeSets.OfCategories(categories);
    }

    private static Dictionary<string, byte> MakeScripts()
    {
        var scripts = new Dictionary<string, byte>();
        foreach (var name in UnicodeData.ScriptNames.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            scripts.Add(Simplify(name), (byte)(scripts.Count + 1));
        }

        // The four-letter codes used in practice.
        foreach (var (code, name) in new[]
        {
            ("hani", "han"), ("hira", "hiragana"), ("kana", "katakana"), ("hang", "hangul"),
            ("latn", "latin"), ("cyrl", "cyrillic"), ("grek", "greek"),
            ("arab", "arabic"), ("hebr", "hebrew"), ("deva", "devanagari"), ("beng", "bengali"),
            ("taml", "tamil"), ("telu", "telugu"), ("knda", "kannada"),
            ("mlym", "malayalam"), ("gujr", "gujarati"), ("guru", "gurmukhi"), ("orya", "oriya"),
            ("sinh", "sinhala"), ("laoo", "lao"), ("khmr", "khmer"),
            ("mymr", "myanmar"), ("tibt", "tibetan"), ("ethi", "ethiopic"), ("geor", "georgian"), ("armn", "armenian"), ("bopo", "bopomofo"),
            ("zyyy", "common"), ("zinh", "inherited"),
        })
        {
            scripts.Add(code, scripts[name]);
        }

        scripts.Add("unknown", 0);
        return scripts;
    }

    private static string Simplify(string name) => string.Concat(name.Where(c => c is not (' ' or '-' or '_'))).ToLowerInvariant();
}
