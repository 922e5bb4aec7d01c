using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Loading;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Every normalizer against the reference's normalizeString: all code points, and generated hard strings.</summary>
public sealed class NormalizerOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    public static TheoryData<string> Normalizers { get; } =
    [
        """{"type":"NFC"}""",
        """{"type":"NFD"}""",
        """{"type":"NFKC"}""",
        """{"type":"NFKD"}""",
        """{"type":"Lowercase"}""",
        """{"type":"Strip","strip_left":true,"strip_right":true}""",
        """{"type":"Strip","strip_left":true,"strip_right":false}""",
        """{"type":"Strip","strip_left":false,"strip_right":true}""",
        """{"type":"StripAccents"}""",
        """{"type":"Nmt"}""",
        """{"type":"ByteLevel"}""",
        """{"type":"Prepend","prepend":"▁"}""",
        """{"type":"Replace","pattern":{"String":" "},"content":"▁"}""",
        """{"type":"Replace","pattern":{"String":"aa"},"content":"b"}""",
        """{"type":"Replace","pattern":{"String":""},"content":"-"}""",
        """{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "}""",
        """{"type":"Replace","pattern":{"Regex":"\\p{N}*"},"content":"<$1>"}""",
        """{"type":"Replace","pattern":{"Regex":"^[a-z]|\\p{L}(?=\\s)"},"content":""}""",
        """{"type":"Bert","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}""",
        """{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":false,"lowercase":true}""",
        """{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":true,"strip_accents":true,"lowercase":false}""",
        """{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":false,"strip_accents":null,"lowercase":false}""",
        """{"type":"Sequence","normalizers":[]}""",
        """{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"},{"type":"NFC"}]}""",
        """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}""",
        """{"type":"Sequence","normalizers":[{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Prepend","prepend":"▁"},{"type":"Repl"""
            + """ace","pattern":{"String":" "},"content":"▁"}]}""",
    ];

    [Theory]
    [MemberData(nameof(Normalizers))]
    public void TryNormalize_HardStrings_EqualReference(string json)
    {
        using var tokenizer = new SyntheticTokenizer(normalizer: json);
        oracle.Load(tokenizer.Path);
        var normalizer = NormalizerFactory.Create(SyntheticTokenizer.Component(json));
        var texts = new HardStrings(407).Take(HardStrings.Count).Concat(Corners).ToList();
        Differences.AssertNone(texts, oracle.Normalize(texts), text => Stage.Normalize(normalizer, text), text => text);
    }

    [Theory]
    [InlineData("""{"type":"NFC"}""")]
    [InlineData("""{"type":"NFKD"}""")]
    [InlineData("""{"type":"Lowercase"}""")]
    [InlineData("""{"type":"StripAccents"}""")]
    [InlineData("""{"type":"Nmt"}""")]
    [InlineData("""{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}""")]
    [InlineData("""{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":true,"lowercase":false}""")]
    public void TryNormalize_EveryCodePoint_EqualsReference(string json)
    {
        using var tokenizer = new SyntheticTokenizer(normalizer: json);
        oracle.Load(tokenizer.Path);
        var normalizer = NormalizerFactory.Create(SyntheticTokenizer.Component(json));

        var texts = Stage.AllCodePoints("x", string.Empty);
        Differences.AssertNone(texts, oracle.Normalize(texts), text => Stage.Normalize(normalizer, text), text => text);
    }

    private static IEnumerable<string> Corners =>
        [string.Empty, " ", "  ", "a", " a ", "\u0301", "\u0301\u0323", "aaa", "aaaa", "\u3000x\u3000", "\0"];
}
