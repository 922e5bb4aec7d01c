namespace Connectors.Vllm.Tokenizers.Scanners;

/// <summary>Recognizes the patterns that have a hand-written scanner, in the spellings used in files.</summary>
internal static class ScannerPatterns
{
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Blanks = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string CapitalsClass = @"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}";
    private const string SmallsClass = @"\p{Ll}\p{Lm}\p{Lo}\p{M}";

    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The cl100k pattern (also the default for tiktoken files).</summary>
    public const string Cl100k = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Blanks;

    public const string Qwen2 = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Blanks;

    public const string Qwen35 = Contractions + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + Blanks;

    public const string O200k =
        $@"[^\r\n\p{{L}}\p{{N}}]?[{CapitalsClass}]*[{SmallsClass}]+{Contractions}?"
        + $@"|[^\r\n\p{{L}}\p{{N}}]?[{CapitalsClass}]+[{SmallsClass}]*{Contractions}?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Blanks;

    /// <summary>The pattern of tekken files.</summary>
    public const string Tekken =
        $@"[^\r\n\p{{L}}\p{{N}}]?[{CapitalsClass}]*[{SmallsClass}]+|[^\r\n\p{{L}}\p{{N}}]?[{CapitalsClass}]+[{SmallsClass}]*"
        + @"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Blanks;

    /// <summary>The pattern of Kimi's tiktoken files (in code beside the file, not in it).</summary>
    public const string Kimi =
        $@"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?[{CapitalsClass}&&[^\p{{Han}}]]*[{SmallsClass}&&[^\p{{Han}}]]+{Contractions}?"
        + $@"|[^\r\n\p{{L}}\p{{N}}]?[{CapitalsClass}&&[^\p{{Han}}]]+[{SmallsClass}&&[^\p{{Han}}]]*{Contractions}?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Blanks;

    /// <summary>Represents the Digits pre-tokenizer in a list of patterns.</summary>
    public const string Digits = "(Digits)";

    private const string DeepSeekNumbers = @"\p{N}{1,3}";
    private const string DeepSeekCjk = "[一-龥\u3040-ゟ゠-ヿ]+";
    private const string DeepSeekWords =
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + Blanks;

    /// <summary>DeepSeek V3's Splits, in order.</summary>
    public static IReadOnlyList<string> DeepSeekV3 { get; } = [DeepSeekNumbers, DeepSeekCjk, DeepSeekWords];

    private static readonly Dictionary<string, ScannerKind> Known = new(StringComparer.Ordinal)
    {
        [Gpt2] = ScannerKind.Gpt2,
        [Cl100k] = ScannerKind.Cl100k,
        [Qwen2] = ScannerKind.Qwen2,
        [Qwen35] = ScannerKind.Qwen35,
        [O200k] = ScannerKind.O200k,
        [Tekken] = ScannerKind.Tekken,
        [Kimi] = ScannerKind.Kimi,
        // tiktoken's own spellings: possessive quantifiers that change no match, $ for the end, contractions as a class.
        [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"] = ScannerKind.Cl100k,
        [@"(?:'s|'t|'re|'ve|'m|'ll|'d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = ScannerKind.Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = ScannerKind.Gpt2,
    };

    /// <summary>Gets the scanner for a pattern, or <see cref="ScannerKind.None"/>.</summary>
    public static ScannerKind Recognize(string pattern) => Known.GetValueOrDefault(Spell(pattern));

    /// <summary>Gets the scanner for several consecutive isolated Splits, or <see cref="ScannerKind.None"/>.</summary>
    public static ScannerKind Recognize(IReadOnlyList<string> patterns) => patterns switch
    {
        [var only] => Recognize(only),
        [Digits, var second] when Recognize(second) == ScannerKind.Gpt2 => ScannerKind.DigitsGpt2,
        [@"\p{N}", var second] when Recognize(second) == ScannerKind.Gpt2 => ScannerKind.NumbersGpt2,
        [DeepSeekNumbers, DeepSeekCjk, var third] when Spell(third) == DeepSeekWords => ScannerKind.DeepSeekV3,
        _ => ScannerKind.None,
    };

    /// <summary>Normalizes the spelling of a pattern, which may contain literal line breaks.</summary>
    private static string Spell(string pattern) =>
        pattern.Replace("\r", @"\r", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);
}

/// <summary>The pre-tokenizer patterns that have a hand-written scanner.</summary>
internal enum ScannerKind
{
    /// <summary>No scanner; the general pre-tokenizer is used.</summary>
    None,

    /// <summary>GPT-2's pattern (also ByteLevel with <c>use_regex</c>).</summary>
    Gpt2,

    /// <summary>The Digits pre-tokenizer with single digits, then GPT-2's pattern (StarCoder, Command-R, SmolLM).</summary>
    DigitsGpt2,

    /// <summary>Like <see cref="DigitsGpt2"/>, with a Split at every <c>\p{N}</c>, which has fewer digits.</summary>
    NumbersGpt2,

    /// <summary>cl100k and Llama 3: numbers in groups of up to three.</summary>
    Cl100k,

    /// <summary>Qwen 2 to 3: cl100k with single number characters.</summary>
    Qwen2,

    /// <summary>Qwen 3.5: Qwen 2 with marks inside words.</summary>
    Qwen35,

    /// <summary>o200k: gpt-oss, gpt-4o, Llama 4.</summary>
    O200k,

    /// <summary>Mistral's tekken: o200k without contractions, single number characters.</summary>
    Tekken,

    /// <summary>Kimi K2: o200k with Han runs of their own.</summary>
    Kimi,

    /// <summary>DeepSeek V3 and R1: three consecutive Splits.</summary>
    DeepSeekV3,
}
