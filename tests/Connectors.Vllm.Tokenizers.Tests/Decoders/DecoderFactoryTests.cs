namespace Connectors.Vllm.Tokenizers.Tests.Decoders;

public sealed class DecoderFactoryTests
{
    [Theory]
    [InlineData("""{"type":"ByteFallback"}""", "a,<0xE4>,<0xBD>,<0xA0>,<0xE4>", "a,\uFFFD,\uFFFD,\uFFFD,\uFFFD")]
    [InlineData("""{"type":"ByteFallback"}""", "<0xE4>,<0xBD>,<0xA0>,b", "你,b")]
    [InlineData("""{"type":"Fuse"}""", "a,b", "ab")]
    [InlineData("""{"type":"Strip","content":" ","start":1,"stop":0}""", "  a, b ", " a,b ")]
    [InlineData("""{"type":"Metaspace","replacement":"▁"}""", "▁a▁b,▁c", "ab, c")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}""", "▁a,▁c", " a, c")]
    [InlineData("""{"type":"WordPiece"}""", "do,##n,.", "do,n,.")]
    [InlineData("""{"type":"BPEDecoder"}""", "a</w>,b</w>", "a ,b")]
    [InlineData("""{"type":"CTC"}""", "h,h,<pad>,h,|,i", "h,h, ,i")]
    [InlineData("""{"type":"Replace","pattern":{"String":"▁"},"content":" "}""", "▁a,b", " a,b")]
    [InlineData("""{"type":"ByteLevel"}""", "Ġa,Ã,©,é你", " aéé你")]
    [InlineData("""{"decoders":[{"type":"Fuse"},{"type":"Strip","content":"a","start":1,"stop":1}]}""", "a,b,a", "b")]
    public void Decode_KnownComponent_RewritesTokens(string json, string tokens, string expected)
    {
        var list = tokens.Split(',').ToList();
        DecoderFactory.Create(TestJson.Component(json)).Decode(list, new TextBudget());
        Assert.Equal(expected, string.Join(',', list));
    }

    [Theory]
    [InlineData("""{"type":"Klingon"}""", "$")]
    [InlineData("""{"type":"Strip","content":"ab","start":1,"stop":0}""", "$.content")]
    [InlineData("""{"type":"Strip","content":"a","start":-1,"stop":0}""", "$.start")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Fuse"},{}]}""", "$.decoders[1]")]
    public void Create_Malformed_NamesPlace(string json, string place) =>
        Assert.Equal(place, Assert.Throws<TokenizerException>(() => DecoderFactory.Create(TestJson.Component(json))).Place);
}
