using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>After many long pieces a byte-level model begins to cut them where no merge can cross. No id may change by it.</summary>
public sealed class LongPieceTests
{
    [Fact]
    public void Encode_ManyLongPieces_SameIdsBeforeAndAfter()
    {
        var json = Json();
        var random = new Random(5);
        var tokenizer = VllmTokenizer.FromJson(json);
        foreach (var piece in Enumerable.Range(0, 200)
            .Select(_ => string.Concat(Enumerable.Range(0, random.Next(6, 40)).Select(_ => "漢字仮名éab"[random.Next(7)]))))
        {
            Assert.Equal(VllmTokenizer.FromJson(json).Encode(piece), tokenizer.Encode(piece));
            Assert.Equal(piece, tokenizer.Decode(tokenizer.Encode(piece)));
        }
    }

    // The vocabulary also holds tokens outside the alphabet of bytes, which a byte-level model can never make.
    private static byte[] Json()
    {
        var json = TinyTokenizer.ByteLevel([("a", "b"), ("ab", "ab"), (" ", "a")]);
        var vocabulary = json["model"]!["vocab"]!;
        vocabulary["漢"] = 400;
        vocabulary["漢漢"] = 401;
        var merges = json["model"]!["merges"]!.AsArray();
        merges.Add(new JsonArray("漢", "漢"));

        // The first two bytes of every one of the characters, and that with the third.
        foreach (var character in "漢字")
        {
            var bytes = Encoding.UTF8.GetBytes([character]).Select(value => ByteAlphabet.ToChar(value).ToString()).ToArray();
            vocabulary[bytes[0] + bytes[1]] ??= vocabulary.AsObject().Count + 500;
            vocabulary[string.Concat(bytes)] ??= vocabulary.AsObject().Count + 500;
            merges.Add(new JsonArray(bytes[0], bytes[1]));
            merges.Add(new JsonArray(bytes[0] + bytes[1], bytes[2]));
        }

        return Encoding.UTF8.GetBytes(json.ToJsonString());
    }
}
