using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>Each hand-written scanner cuts like the reference's regex engine: a synthetic tokenizer.json holds nothing but its patterns.</summary>
public sealed class ScannerOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private static readonly JsonObject Digits = new() { ["type"] = "Digits", ["individual_digits"] = true };

    [Fact]
    public void Gpt2_HardStrings_CutLikeReference() => Compare<Gpt2Scanner>(Split(ScannerPatterns.Gpt2));

    [Fact]
    public void DigitsGpt2_HardStrings_CutLikeReference() => Compare<DigitsGpt2Scanner>(Digits.DeepClone().AsObject(), Split(ScannerPatterns.Gpt2));

    [Fact]
    public void NumbersGpt2_HardStrings_CutLikeReference() => Compare<NumbersGpt2Scanner>(Split(@"\p{N}"), Split(ScannerPatterns.Gpt2));

    [Fact]
    public void Cl100k_HardStrings_CutLikeReference() => Compare<Cl100kScanner>(Split(ScannerPatterns.Cl100k));

    [Fact]
    public void Qwen2_HardStrings_CutLikeReference() => Compare<Qwen2Scanner>(Split(ScannerPatterns.Qwen2));

    [Fact]
    public void Qwen35_HardStrings_CutLikeReference() => Compare<Qwen35Scanner>(Split(ScannerPatterns.Qwen35));

    [Fact]
    public void O200k_HardStrings_CutLikeReference() => Compare<O200kScanner>(Split(ScannerPatterns.O200k));

    [Fact]
    public void Tekken_HardStrings_CutLikeReference() => Compare<TekkenScanner>(Split(ScannerPatterns.Tekken));

    [Fact]
    public void Kimi_HardStrings_CutLikeReference() => Compare<KimiScanner>(Split(ScannerPatterns.Kimi));

    [Fact]
    public void DeepSeekV3_HardStrings_CutLikeReference() => Compare<DeepSeekV3Scanner>([.. ScannerPatterns.DeepSeekV3.Select(Split)]);

    private static JsonObject Split(string pattern) => new()
    {
        ["type"] = "Split",
        ["pattern"] = new JsonObject { ["Regex"] = pattern },
        ["behavior"] = "Isolated",
        ["invert"] = false,
    };

    private void Compare<TScanner>(params JsonObject[] preTokenizers)
        where TScanner : struct, IPieceScanner
    {
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(),
            ["pre_tokenizer"] = new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray([.. preTokenizers]) },
            ["model"] = new JsonObject { ["type"] = "WordLevel", ["vocab"] = new JsonObject { ["x"] = 0 }, ["unk_token"] = "x" },
        };
        var path = Path.Combine(Path.GetTempPath(), $"scanner-{typeof(TScanner).Name}-{Environment.ProcessId}.json");
        File.WriteAllText(path, tokenizer.ToJsonString());
        try
        {
            oracle.Load(path);
        }
        finally
        {
            File.Delete(path);
        }

        var texts = new HardStrings(733).Take(HardStrings.Count).Concat(NaturalText.All).Concat(EveryCharacter()).Select(WellFormed).ToList();
        var expected = oracle.Pieces(texts);
        for (var i = 0; i < texts.Count; i++)
        {
            Assert.Equal(expected[i], Cut<TScanner>(texts[i]));
        }
    }

    /// <summary>Every assigned kind of character between letters, so that each class border is crossed.</summary>
    private static IEnumerable<string> EveryCharacter()
    {
        for (var block = 0; block < 0x11000; block++)
        {
            // All of the first planes' blocks, few of the empty ones.
            if (block >= 0x3300 && block % 64 != 0)
            {
                continue;
            }

            var text = new StringBuilder();
            for (var codePoint = block * 16; codePoint < (block + 1) * 16; codePoint += HardStrings.Count > 2000 ? 1 : 5)
            {
                if (Rune.IsValid(codePoint))
                {
                    text.Append('a').Append(new Rune(codePoint)).Append("B 1");
                }
            }

            yield return text.ToString();
        }
    }

    private static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static List<string> Cut<TScanner>(string text)
        where TScanner : struct, IPieceScanner
    {
        var buffer = new Utf8Buffer();
        buffer.Append(Encoding.UTF8.GetBytes(text));
        var pieces = new List<string>();
        var limit = 0;
        for (var start = 0; start < buffer.Length;)
        {
            var end = TScanner.Next(ref buffer.Array[0], start, buffer.Length, ref limit);
            pieces.Add(Encoding.UTF8.GetString(buffer.Written[start..end]));
            start = end;
        }

        return pieces;
    }
}
