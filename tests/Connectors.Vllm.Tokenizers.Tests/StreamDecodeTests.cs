using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Tokenizers.Tests;

public sealed class StreamDecodeTests
{
    private static readonly VllmTokenizer Bytes = TinyTokenizer.Load(TinyTokenizer.ByteLevel(
        [("h", "i")], TinyTokenizer.Added(300, "<|end|>"), TinyTokenizer.Added(301, "<tool>", special: false)));

    private static readonly VllmTokenizer Fallback =
        TinyTokenizer.Load(TinyTokenizer.ByteFallback("abc", [("\u2581", "a")], TinyTokenizer.Added(900, "<s>")));

    private static int End => Bytes.TokenToId("<|end|>")!.Value;

    private static int Tool => Bytes.TokenToId("<tool>")!.Value;

    [Fact]
    public void Push_CharacterInFourTokens_ComesWithTheLast()
    {
        var stream = Bytes.CreateStreamDecoder();

        Assert.Equal(["", "", "", "😀"], Encoding.UTF8.GetBytes("😀").Select(value => stream.Push(value)));
        Assert.Equal("", stream.Flush());
    }

    [Fact]
    public void Push_InvalidByteThenAscii_ReplacesMaximalPart()
    {
        var stream = Bytes.CreateStreamDecoder();

        Assert.Equal("", stream.Push(0xF0));
        Assert.Equal("", stream.Push(0x9F));
        Assert.Equal("\uFFFDa", stream.Push('a'));
        Assert.Equal("\uFFFD", stream.Push(0xFF));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Flush_IncompleteCharacter_IsOneReplacement(int bytes)
    {
        var stream = Bytes.CreateStreamDecoder();
        foreach (var value in Encoding.UTF8.GetBytes("😀").AsSpan(0, bytes))
        {
            Assert.Equal("", stream.Push(value));
        }

        Assert.Equal("\uFFFD", stream.Flush());
        Assert.Equal("x", stream.Push('x'));
    }

    [Fact]
    public void Push_SpecialInsideCharacter_SplitsItOnlyWhenShown()
    {
        int[] ids = [0xC3, End, 0xA9];

        Assert.Equal("é", Run(Bytes.CreateStreamDecoder(skipSpecialTokens: true), ids));
        Assert.Equal("\uFFFD<|end|>\uFFFD", Run(Bytes.CreateStreamDecoder(), ids));
        Assert.Equal("\uFFFD<tool>\uFFFD", Run(Bytes.CreateStreamDecoder(skipSpecialTokens: true), [0xC3, Tool, 0xA9]));
    }

    [Fact]
    public void Push_UnknownId_GivesNoText()
    {
        var stream = Bytes.CreateStreamDecoder();

        Assert.Equal("", stream.Push(-1));
        Assert.Equal("", stream.Push(int.MaxValue));
        Assert.Equal("é", Run(stream, [0xC3, 99_999, 0xA9]));
    }

    [Fact]
    public void Push_PromptEndsInsideCharacter_CharacterIsCompleted()
    {
        var stream = Bytes.CreateStreamDecoder(promptIds: ['a', 0xC3]);

        Assert.Equal("é", stream.Push(0xA9));
        Assert.Equal(1, stream.TextLength);
    }

    [Fact]
    public void Push_AnyByteIds_ConcatenationEqualsDecode() =>
        Prop.ForAll(Gen.ListOf(Gen.Choose(0, 260)).ToArbitrary(), Gen.Elements(true, false).ToArbitrary(), (list, skip) =>
        {
            int[] ids = [.. list];
            Assert.Equal(Bytes.Decode(ids, skip), Run(Bytes.CreateStreamDecoder(skip), ids));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Decode_ByteRunInvalid_EveryByteIsReplaced()
    {
        Assert.Equal("\uFFFD\uFFFD", Fallback.Decode([Byte(0xE4), Byte(0xBD)]));
        Assert.Equal("\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD", Fallback.Decode([Byte(0xE4), Byte(0xBD), Byte(0xA0), Byte(0xE4), Byte(0xBD)]));
        Assert.Equal("你", Fallback.Decode([Byte(0xE4), Byte(0xBD), Byte(0xA0)]));
    }

    [Fact]
    public void Push_ByteRunInvalid_KeepsCharactersGivenOut()
    {
        int[] ids = [Byte(0xE4), Byte(0xBD), Byte(0xA0), Byte(0xE4), Byte(0xBD)];

        Assert.Equal("你\uFFFD\uFFFD", Run(Fallback.CreateStreamDecoder(), ids));
    }

    [Fact]
    public void Push_LeadingBlank_StrippedOnlyWithoutPrompt()
    {
        var word = Fallback.TokenToId("\u2581a")!.Value;

        Assert.Equal("a a", Run(Fallback.CreateStreamDecoder(), [word, word]));
        Assert.Equal(" a a", Run(Fallback.CreateStreamDecoder(promptIds: [word]), [word, word]));
        Assert.Equal("a", Run(Fallback.CreateStreamDecoder(true, [Fallback.TokenToId("<s>")!.Value]), [word]));
    }

    [Fact]
    public void DecodeWithStarts_CharacterOverTokens_AllBeginAtIt()
    {
        var decoded = Bytes.DecodeWithStarts(['a', 0xC3, 0xA9, 'b', End, 0xE4], skipSpecialTokens: true);

        Assert.Equal("aéb\uFFFD", decoded.Text);
        Assert.Equal([0, 1, 1, 2, 3, 3], decoded.Starts);
    }

    private static int Byte(int value) => Fallback.TokenToId($"<0x{value:X2}>")!.Value;

    private static string Run(TokenStreamDecoder stream, ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder();
        stream.Push(ids, text);
        Assert.Equal(text.Length, stream.TextLength);
        return text.Append(stream.Flush()).ToString();
    }
}
