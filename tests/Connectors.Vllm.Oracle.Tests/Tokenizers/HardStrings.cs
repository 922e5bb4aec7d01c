using System.Text;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>
/// Generated strings that tokenizers get wrong: pools of characters with unusual classes, contractions in every case, blanks of every
/// kind, marks, digits of many scripts, emoji sequences, added tokens in odd places. The same seed gives the same strings.
/// </summary>
public sealed class HardStrings(int seed, IReadOnlyList<string>? addedTokens = null)
{
    /// <summary>Environment variable for the nightly size.</summary>
    public const string NightlyVariable = "VLLM_TEST_NIGHTLY";

    private static readonly string[][] Pools =
    [
        Chars("abcdefghijklmnopqrstuvwxyz"),
        Chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ["the", "The", "hello", "World", "function", "return", "HTTPServer", "camelCase", "snake_case", "iPhone", "McDonald", "USA"],
        Chars("0123456789"),
        ["'s", "'S", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'vE", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D", "'\u017F", "\u2019s", "'", "''",
            "'x", "'r", "'l"],
        [" ", "  ", "   ", "        ", "\t", "\t\t"],
        ["\n", "\r", "\r\n", "\n\n", "\n \n", " \n", "\n ", "\r\n\r\n", "\n\n\n\n"],
        ["\u00A0", "\u2003", "\u3000", "\u2028", "\u2029", "\u0085", "\u000B", "\u000C", "\u1680", "\u202F", "\u205F", "\u200A"],
        ["\u200B", "\u200C", "\u200D", "\uFEFF", "\u2060", "\u00AD", "\u061C", "\u0001", "\u0000", "\u007F", "\u001F", "\u0080", "\uFFFE", "\uFFFF",
            "\U000E0001"],
        Chars("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~"),
        ["...", "--", "//", "/*", "*/", "=>", "==", "!=", "</", "/>", "://", "<|", "|>", "\\n", "```", "**", "::", "->", "/\n", "//\n\n"],
        Chars("éèêëàâäîïôöùûüçñßøåæœÉÀÖÑŁŻźǅǈǋᾈ"),
        ["e\u0301", "a\u0308", "o\u0302\u0323", "\u0301", "\u0308", "\u20DD", "\u093F", "\u0903", "A\u030A", "\u212B", "\u1E9B\u0323", "\u0344",
            "\u0374", "\u2126", "\u0958", "q\u0307\u0323"],
        Chars("你好世界中文字符测试的是了在有人我他这们来到时大地为子"),
        Chars("ひらがなカタカナー々〆〇ぁっヽヾゝゟヿ"),
        Chars("한국어가나다라힣"),
        ["\u1100\u1161", "\u1100\u1161\u11A8", "\u1112", "\u1175", "\u11C2", "\uAC00\u11A8", "\uD7A3"],
        Chars("абвгдежзАБВГДИйЙёЁ"),
        Chars("אבגדהשלוםعربيةمرحبا"),
        ["न", "म", "स्", "ते", "हि", "न्", "दी", "த", "மி", "ழ்", "ไ", "ท", "ย", "ส", "ວ", "ក", "ခ", "\u0E33", "\u0EB3"],
        ["١", "٢", "३", "४", "๕", "５", "６", "Ⅷ", "½", "²", "③", "㊷", "〡", "௰", "\U0001D7E1", "\U0001D7F1", "\U00010107", "\U0001F101", "𑁦", "〇"],
        ["\U00020000", "\U00020001", "\U0002A6D6", "\U00030000", "\U0001D400", "\U0001D41A", "\U00010400", "\U00010428", "\U0001E900", "\U00016D43",
            "\U00016D68", "\U000118A0", "\U0001E030"],
        ["😀", "👍🏽", "👩‍💻", "👨‍👩‍👧‍👦", "🇩🇪", "❤️", "☃", "♥", "✓", "€", "£", "₿", "©", "™", "°", "±", "×", "←", "∑", "√", "\U0001F1E6",
            "\U0001FAE8", "🏴‍☠️", "#️⃣"],
        ["—", "–", "“", "”", "‘", "…", "«", "»", "¿", "¡", "、", "。", "「", "」", "，", "！", "？", "·", "٪", "؟", "॥", "\u30FB", "\u30A0", "\u309B"],
        ["▁", "Ġ", "Ċ", "▁▁", "<0x0A>", "##", "</w>", "�", "\uE000", "\uF8FF", "\U0010FFFF", "\U000F0000", "\u0378", "\u0530"],
        ["ﬁ", "ﬀ", "ŉ", "ǰ", "ΐ", "İ", "ı", "ſ", "K", "Å", "ẞ", "ﬆ", "Σ", "ς", "σ"],
    ];

    private readonly Random _random = new(seed);

    /// <summary>How many strings a test uses: 2,000, or 20,000 when <see cref="NightlyVariable"/> is set to 1.</summary>
    public static int Count { get; } = Environment.GetEnvironmentVariable(NightlyVariable) is "1" or "true" ? 20_000 : 2_000;

    /// <summary>For tests that repeat over many cases: all strings at night, a part of them else.</summary>
    public static int Share(int divisor) => Count > 2_000 ? Count : Count / divisor;

    public IEnumerable<string> Take(int count)
    {
        for (var i = 0; i < count; i++)
        {
            yield return Next();
        }
    }

    public string Next()
    {
        var text = new StringBuilder();
        var parts = 1 + _random.Next(_random.Next(4) == 0 ? 60 : 14);

        // A few pools per string: neighbours of the same kind matter as much as mixtures.
        var pools = Enumerable.Range(0, 1 + _random.Next(5)).Select(_ => Pools[_random.Next(Pools.Length)]).ToList();
        for (var i = 0; i < parts; i++)
        {
            if (addedTokens is { Count: > 0 } && _random.Next(12) == 0)
            {
                AppendAddedToken(text);
                continue;
            }

            var pool = pools[_random.Next(pools.Count)];
            var repeat = _random.Next(10) == 0 ? 1 + _random.Next(6) : 1;
            var part = pool[_random.Next(pool.Length)];
            for (var r = 0; r < repeat; r++)
            {
                text.Append(part);
            }

            if (_random.Next(5) == 0)
            {
                text.Append(' ');
            }
        }

        if (_random.Next(200) == 0)
        {
            text.Insert(_random.Next(text.Length + 1), _random.Next(2) == 0 ? '\uD800' : '\uDC00');
        }

        return text.ToString();
    }

    private void AppendAddedToken(StringBuilder text)
    {
        var token = addedTokens![_random.Next(addedTokens.Count)];
        switch (_random.Next(8))
        {
            case 0:
                text.Append(token.AsSpan(0, _random.Next(token.Length + 1)));
                break;
            case 1:
                text.Append(token.AsSpan(_random.Next(token.Length)));
                break;
            case 2:
                text.Append("  ").Append(token).Append(" \n ");
                break;
            case 3:
                text.Append(token).Append(token);
                break;
            default:
                text.Append(token);
                break;
        }
    }

    private static string[] Chars(string text) => [.. text.EnumerateRunes().Select(rune => rune.ToString())];
}
