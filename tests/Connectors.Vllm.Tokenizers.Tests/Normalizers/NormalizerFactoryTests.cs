using System.Text;

namespace Connectors.Vllm.Tokenizers.Tests.Normalizers;

public sealed class NormalizerFactoryTests
{
    [Theory]
    [InlineData("""{"type":"Lowercase"}""", "ΟΔΟΣ İÄ", "οδοσ i\u0307ä")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":true}""", " \u3000a b\n", "a b")]
    [InlineData("""{"type":"StripAccents"}""", "e\u0301a\u20DD", "ea")]
    [InlineData("""{"type":"Nmt"}""", "a\u0001\u200Bb\t", "a b ")]
    [InlineData("""{"type":"Prepend","prepend":"▁"}""", "a", "▁a")]
    [InlineData("""{"type":"Prepend","prepend":"▁"}""", "", "")]
    [InlineData("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""", " a  b", "▁a▁▁b")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"\\s+"},"content":"$0"}""", "a \n b", "a$0b")]
    [InlineData("""{"type":"ByteLevel"}""", "é ", "Ã©Ġ")]
    [InlineData("""{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}""", "Héllo\t你\uFFFD",
        "hello  你 ")]
    [InlineData("""{"clean_text":true,"handle_chinese_chars":false,"strip_accents":false,"lowercase":false}""", "Hé\u0000你", "Hé你")]
    [InlineData("""{"normalizers":[{"type":"NFD"},{"type":"StripAccents"}]}""", "é", "e")]
    [InlineData("""{"type":"Sequence","normalizers":[]}""", "é", "é")]
    public void Create_KnownComponent_Normalizes(string json, string text, string expected)
    {
        var normalizer = NormalizerFactory.Create(TestJson.Component(json));
        var utf8 = Encoding.UTF8.GetBytes(text);
        var output = new Utf8Buffer();
        var changed = normalizer is not null && normalizer.TryNormalize(utf8, output, new TextBudget(utf8.Length));
        Assert.Equal(expected, changed ? Encoding.UTF8.GetString(output.Written) : text);
    }

    [Theory]
    [InlineData("""{"type":"Klingon"}""", "$", "Klingon")]
    [InlineData("""{}""", "$", "(none)")]
    [InlineData("""[]""", "$", "normalizer")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"("},"content":""}""", "$.pattern", "position")]
    [InlineData("""{"type":"Replace","pattern":{},"content":""}""", "$.pattern", "String")]
    [InlineData("""{"type":"Replace","pattern":{"String":"a"}}""", "$", "content")]
    [InlineData("""{"type":"Strip","strip_left":1,"strip_right":true}""", "$.strip_left", "true or false")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"?"}]}""", "$.normalizers[1]", "?")]
    [InlineData("""{"type":"Precompiled","precompiled_charsmap":"***"}""", "$.precompiled_charsmap", "base64")]
    [InlineData("""{"type":"Precompiled","precompiled_charsmap":"AAA="}""", "$.precompiled_charsmap", "truncated")]
    [InlineData("""{"type":"Precompiled","precompiled_charsmap":"/////wAAAAA="}""", "$.precompiled_charsmap", "truncated")]
    public void Create_Malformed_NamesPlace(string json, string place, string fragment)
    {
        var exception = Assert.Throws<TokenizerException>(() => NormalizerFactory.Create(TestJson.Component(json)));
        Assert.Equal(place, exception.Place);
        Assert.Contains(fragment, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryNormalize_RandomCharsmap_NeverThrowsAnythingElse()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            // A valid frame around random units: any walk through them must stay inside.
            var bytes = new byte[4 + 64 + 8];
            random.NextBytes(bytes);
            bytes.AsSpan(4 + 64).Fill((byte)'a');
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(bytes, 64);
            var normalizer = NormalizerFactory.Create(
                TestJson.Component($$"""{"type":"Precompiled","precompiled_charsmap":"{{Convert.ToBase64String(bytes)}}"}"""))!;
            try
            {
                normalizer.TryNormalize("abc é 你好\n\0"u8, new Utf8Buffer(), new TextBudget(100));
            }
            catch (TokenizerException)
            {
                continue;
            }
        }

        Assert.True(true);
    }

    [Fact]
    public void StripsStart_LeftStripping_True()
    {
        var strip =
            NormalizerFactory.Create(
                TestJson.Component(
                    """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":" "},{"type":"Strip","strip_left":true,"strip_right":false}]}"""))!;
        Assert.True(strip.StripsStart("a"u8, new TextBudget(1)));
        var prepend = NormalizerFactory.Create(TestJson.Component("""{"type":"Prepend","prepend":" "}"""))!;
        Assert.False(prepend.StripsStart("a"u8, new TextBudget(1)));
    }
}
