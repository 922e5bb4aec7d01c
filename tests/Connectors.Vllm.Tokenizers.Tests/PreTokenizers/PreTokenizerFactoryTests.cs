using System.Text;

namespace Connectors.Vllm.Tokenizers.Tests.PreTokenizers;

public sealed class PreTokenizerFactoryTests
{
    [Theory]
    [InlineData("Removed", "false", "a|b|c")]
    [InlineData("Removed", "true", "-|-|-")]
    [InlineData("Isolated", "false", "a|-|-|b|-|c")]
    [InlineData("MergedWithPrevious", "false", "a-|-|b-|c")]
    [InlineData("MergedWithNext", "false", "a|-|-b|-c")]
    [InlineData("Contiguous", "false", "a|--|b|-|c")]
    public void PreTokenize_SplitBehaviors_CutAsDocumented(string behavior, string invert, string expected)
    {
        foreach (var kind in new[] { "String", "Regex" })
        {
            var json = $$$"""{"type":"Split","pattern":{"{{{kind}}}":"-"},"behavior":"{{{behavior}}}","invert":{{{invert}}}}""";
            Assert.Equal(expected, Pieces(json, "a--b-c"));
        }
    }

    [Theory]
    [InlineData("""{"type":"Whitespace"}""", "it's 5€ 你好!", "it|'|s|5|€|你好|!")]
    [InlineData("""{"type":"WhitespaceSplit"}""", " a\u3000b  c ", "a|b|c")]
    [InlineData("""{"type":"BertPreTokenizer"}""", "Hey, you. $1", "Hey|,|you|.|$|1")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "a12½", "a|1|2|½")]
    [InlineData("""{"type":"Digits"}""", "a12½b", "a|12½|b")]
    [InlineData("""{"type":"CharDelimiterSplit","delimiter":"e"}""", "hello there", "h|llo th|r")]
    [InlineData("""{"delimiter":"e"}""", "hello", "h|llo")]
    [InlineData("""{"type":"UnicodeScripts"}""", "どこ漢 abc", "どこ漢 |abc")]
    [InlineData("""{"type":"FixedLength"}""", "abcde你好", "abcde|你好")]
    [InlineData("""{"type":"Metaspace","replacement":"▁"}""", "a  b", "▁a|▁|▁b")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""", "a b", "a▁b")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"str_rep":"▁"}""", "a b", "a|▁b")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""", "é it's", "ĠÃ©|Ġit|'s")]
    [InlineData("""{"pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Punctuation"}]}""", "a, b", "a|,|b")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"(?=(\\d{3})+(?!\\d))"},"behavior":"Isolated","invert":false}""", "1234567", "1|234|567")]
    public void PreTokenize_KnownComponent_Cuts(string json, string text, string expected) => Assert.Equal(expected, Pieces(json, text));

    [Theory]
    [InlineData("""{"type":"Klingon"}""", "$")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"[a"},"behavior":"Isolated"}""", "$.pattern")]
    [InlineData("""{"type":"Split","pattern":{"String":"a"},"behavior":"Sideways"}""", "$.behavior")]
    [InlineData("""{"type":"Metaspace","replacement":"ab"}""", "$.replacement")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}""", "$")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","add_prefix_space":false}""", "$")]
    [InlineData("""{"type":"CharDelimiterSplit","delimiter":""}""", "$.delimiter")]
    [InlineData("""{"type":"FixedLength","length":0}""", "$")]
    public void Create_Malformed_NamesPlace(string json, string place) =>
        Assert.Equal(place, Assert.Throws<TokenizerException>(() => PreTokenizerFactory.Create(TestJson.Component(json), rawBytes: false)).Place);

    private static string Pieces(string json, string text)
    {
        var pieces = new PieceList();
        var preTokenizer = PreTokenizerFactory.Create(TestJson.Component(json), rawBytes: false)!;
        preTokenizer.PreTokenize(Encoding.UTF8.GetBytes(text), atTextStart: true, pieces, new TextBudget(text.Length));
        return string.Join('|', Enumerable.Range(0, pieces.Count).Select(i => Encoding.UTF8.GetString(pieces[i])));
    }
}
