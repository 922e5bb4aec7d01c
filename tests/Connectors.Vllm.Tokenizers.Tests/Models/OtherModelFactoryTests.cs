using System.Text;

namespace Connectors.Vllm.Tokenizers.Tests.Models;

public sealed class OtherModelFactoryTests
{
    private const string WordPiece =
        """{"type":"WordPiece","vocab":{"[UNK]":0,"un":1,"##aff":2,"##able":3,"u":4,"你":5},"unk_token":"[UNK]","continuing_subword_prefix":"#"""
            + """#","max_input_chars_per_word":100}""";
    private const string Unigram = """{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["b",-1],["ab",-1.5],["abc",-9],["c",-2]]}""";

    [Theory]
    [InlineData(WordPiece, "unaffable", "1,2,3")]
    [InlineData(WordPiece, "unaffableX", "0")]
    [InlineData(WordPiece, "u你", "0")]
    [InlineData(WordPiece, "你", "5")]
    [InlineData(Unigram, "abc", "3,5")]
    [InlineData(Unigram, "aXYb", "1,0,2")]
    [InlineData("""{"type":"WordLevel","vocab":{"<unk>":0,"a":7},"unk_token":"<unk>"}""", "a", "7")]
    [InlineData("""{"vocab":{"<unk>":0,"a":7},"unk_token":"<unk>"}""", "b", "0")]
    public void Encode_SmallModel_ExpectedIds(string json, string piece, string expected)
    {
        var model = OtherModelFactory.Create(TestJson.Component(json));
        var output = new IdList();
        model.Encode(Encoding.UTF8.GetBytes(piece), model.CreateState(), output);
        Assert.Equal(expected, string.Join(',', output.Written.ToArray()));
    }

    [Theory]
    [InlineData("""{"type":"Klingon"}""", "$")]
    [InlineData("""{"type":"WordPiece"}""", "$")]
    [InlineData("""{"type":"WordPiece","vocab":[]}""", "$.vocab")]
    [InlineData("""{"type":"WordLevel","vocab":{"a":-1}}""", "$.vocab.a")]
    [InlineData("""{"type":"WordLevel","vocab":{"a":"1"}}""", "$.vocab.a")]
    [InlineData("""{"type":"Unigram","vocab":[["a"]]}""", "$.vocab[0]")]
    [InlineData("""{"type":"Unigram","vocab":[["a",-1]],"unk_id":1}""", "$.unk_id")]
    [InlineData("""{"type":"Unigram","vocab":[["a",-1]],"unk_id":-2}""", "$.unk_id")]
    public void Create_Malformed_NamesPlace(string json, string place) =>
        Assert.Equal(place, Assert.Throws<TokenizerException>(() => OtherModelFactory.Create(TestJson.Component(json))).Place);

    [Fact]
    public void Encode_HugePieces_StayLinear()
    {
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("abc", 100_000)));
        var unigram = OtherModelFactory.Create(TestJson.Component(Unigram));
        var output = new IdList();
        unigram.Encode(text, unigram.CreateState(), output);
        Assert.Equal(200_000, output.Count);

        var wordPiece = OtherModelFactory.Create(
            TestJson.Component("""{"type":"WordPiece","vocab":{"[UNK]":0,"a":1,"##b":2,"##c":3,"##a":4},"max_input_chars_per_word":100000000}"""));
        output.Clear();
        wordPiece.Encode(text, wordPiece.CreateState(), output);
        Assert.Equal(300_000, output.Count);
    }
}
