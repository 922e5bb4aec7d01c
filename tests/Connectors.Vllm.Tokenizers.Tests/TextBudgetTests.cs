using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>What a hostile tokenizer.json makes a text cost is bounded, in both directions, and can be cancelled.</summary>
public sealed class TextBudgetTests
{
    [Fact]
    public void Encode_NormalizerThatMakesMegabytesOfALetter_IsRefused()
    {
        var tokenizer = With("normalizer", Replace("a", new string('b', 1_000_000)));

        Assert.Single(tokenizer.Encode("x"));
        AssertRefused(() => tokenizer.Encode(new string('a', 10_000)));
    }

    [Fact]
    public void Encode_ChainOfNormalizersThatDouble_IsRefused()
    {
        var chain = Sequence("normalizers", Enumerable.Range(0, 64).Select(_ => Replace("a", "aa")));
        var tokenizer = With("normalizer", chain);

        AssertRefused(() => tokenizer.Encode("a"));
    }

    [Fact]
    public void Encode_LongChainOfHarmlessNormalizers_IsRefusedAboveItsBudget()
    {
        // Each looks at the text once and changes it: tens of thousands of them are no model's.
        var chain = Sequence("normalizers", Enumerable.Range(0, 60_000).Select(i => Replace(i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a")));
        var tokenizer = With("normalizer", chain);

        AssertRefused(() => tokenizer.Encode(new string('a', 2_000)));
    }

    [Fact]
    public void Decode_DecoderThatMakesMegabytesOfALetter_IsRefused()
    {
        var tokenizer = With("decoder", Sequence("decoders", [Replace("a", new string('b', 1_000_000)), new JsonObject { ["type"] = "Fuse" }]));
        var ids = tokenizer.Encode(new string('a', 10_000));

        AssertRefused(() => tokenizer.Decode(ids));
        AssertRefused(() => tokenizer.DecodeWithStarts(ids));
    }

    [Fact]
    public void Decode_ChainOfDecodersThatDouble_IsRefusedForOneToken()
    {
        var tokenizer = With("decoder", Sequence("decoders", Enumerable.Range(0, 64).Select(_ => Replace("a", "aa"))));
        var ids = tokenizer.Encode("a");

        AssertRefused(() => tokenizer.Decode(ids));
        AssertRefused(() => tokenizer.CreateStreamDecoder().Push(ids[0]));
    }

    [Fact]
    public void Decode_LongStreamThroughAnOrdinaryChain_IsNotRefused()
    {
        var tokenizer = With("decoder", Sequence("decoders", [Replace("b", "c"), new JsonObject { ["type"] = "Fuse" }]));
        var ids = tokenizer.Encode(string.Concat(Enumerable.Repeat("ab", 20_000)));
        var stream = tokenizer.CreateStreamDecoder();

        Assert.Equal(tokenizer.Decode(ids), string.Concat(ids.Select(stream.Push)) + stream.Flush());
    }

    [Fact]
    public void Encode_PatternThatBacktracksInEveryPiece_HasOneBudgetForTheText()
    {
        // Each of the words costs a little less than what a text may cost; together they cost more.
        var tokenizer = With("pre_tokenizer", Sequence("pretokenizers", [Split(@"\s"), Split("(a|b|ab)*c")]));

        var word = string.Concat(Enumerable.Repeat("ab", 16));
        tokenizer.Encode(word);

        var exception = AssertRefused(() => tokenizer.Encode(string.Join(' ', Enumerable.Repeat(word, 100))));
        Assert.Contains("(a|b|ab)*c", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_LongTextsThatNearlyMatchEverywhere_AreRefused()
    {
        // Each place of the text is compared with half a million letters.
        var tokenizer = With("normalizer", Replace(new string('a', 500_000) + "b", "c"));

        Assert.Single(tokenizer.Encode("x"));
        AssertRefused(() => tokenizer.Encode(new string('a', 1_000_000)));
    }

    [Fact]
    public void FromJson_TokensThatAreLongerThanAnyModels_AreRefused()
    {
        var added = Assert.Throws<TokenizerException>(
            () => TinyTokenizer.Load(TinyTokenizer.ByteLevel(null, TinyTokenizer.Added(300, new string('b', 100_000)))));
        Assert.Contains("longer", added.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_Cancelled_Ends()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        var tokenizer = With("pre_tokenizer", Split("(a|b|ab)*c"));

        Assert.ThrowsAny<OperationCanceledException>(() => tokenizer.Encode("abab", cancellationToken: cancelled.Token));
        Assert.ThrowsAny<OperationCanceledException>(() => tokenizer.EncodeOrdinary("abab", cancelled.Token));
        Assert.ThrowsAny<OperationCanceledException>(
            () => TinyTokenizer.Load(TinyTokenizer.ByteLevel()).Encode("abab", [0..1], [], cancellationToken: cancelled.Token));
    }

    [Fact]
    public void Spend_BeyondTheBudget_IsRefused()
    {
        var budget = new TextBudget(10);
        budget.Spend(1_000_000);

        Assert.Equal(1_000_000, budget.Spent);
        AssertRefused(() => budget.Spend(1L << 40));
    }

    [Fact]
    public void FromJson_AddedTokensThatGrowWhenNormalized_AreRefused()
    {
        var json = TinyTokenizer.ByteLevel(null, [.. Enumerable.Range(0, 200).Select(i => TinyTokenizer.Added(300 + i, $"a{i}", normalized: true))]);
        json["normalizer"] = Replace("a", new string('b', 1_000_000));

        AssertRefused(() => TinyTokenizer.Load(json));
    }

    private static VllmTokenizer With(string part, JsonObject value)
    {
        var json = TinyTokenizer.ByteLevel();
        if (part == "decoder")
        {
            // Plain characters, so that the decoder sees what was written.
            json["pre_tokenizer"] = null;
        }

        json[part] = value;
        return TinyTokenizer.Load(json);
    }

    private static JsonObject Replace(string from, string to) =>
        new() { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = from }, ["content"] = to };

    private static JsonObject Split(string pattern) => new()
    {
        ["type"] = "Split",
        ["pattern"] = new JsonObject { ["Regex"] = pattern },
        ["behavior"] = "Isolated",
        ["invert"] = false,
    };

    private static JsonObject Sequence(string name, IEnumerable<JsonObject> parts) =>
        new() { ["type"] = "Sequence", [name] = new JsonArray([.. parts]) };

    private static TokenizerException AssertRefused(Action action)
    {
        var exception = Assert.Throws<TokenizerException>(action);
        Assert.Contains("too much", exception.Message, StringComparison.Ordinal);
        return exception;
    }

    private static TokenizerException AssertRefused(Func<object?> action) => AssertRefused(() => { _ = action(); });
}
