using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>
/// Every member of <see cref="Tokenizer"/>, overload by overload, beside Microsoft's own tokenizers with the same real vocabulary: what a
/// chunker gets from theirs it gets from ours.
/// </summary>
public sealed class MicrosoftContractTests
{
    public static TheoryData<string> Theirs => ["tiktoken gpt2", "bpe gpt2", "tiktoken o200k"];

    [Theory]
    [MemberData(nameof(Theirs))]
    public void EveryMember_RealVocabulary_EqualsTheirs(string name)
    {
        Tokenizer theirs = name switch
        {
            "tiktoken gpt2" => TiktokenTokenizer.CreateForModel("gpt2"),
            "tiktoken o200k" => TiktokenTokenizer.CreateForEncoding("o200k_base"),
            _ => Bpe(TestPaths.NpmTokenizer("gpt2")),
        };
        Tokenizer ours = VllmTokenizer.FromFile(
            Path.Combine(TestPaths.NpmTokenizer(name.EndsWith("gpt2", StringComparison.Ordinal) ? "gpt2" : "gptoss"), "tokenizer.json"));
        var differences = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        var random = new Random(7);
        foreach (var text in Texts(theirs, ours))
        {
            foreach (var (member, call) in Calls(text, 1 + random.Next(12)))
            {
                var (expected, actual) = (Result(() => call(theirs)), Result(() => call(ours)));
                if (expected != actual)
                {
                    differences.TryAdd(member, []);
                    differences[member].Add($"{text}\n    theirs {expected}\n    ours   {actual}");
                }
            }
        }

        Assert.True(
            differences.Count == 0,
            string.Join('\n', differences.Select(member => $"{member.Key}: {member.Value.Count}\n  {member.Value.MinBy(line => line.Length)}")));
    }

    /// <summary>Texts without control tokens, whose ids are equal: their regular expressions are .NET's, the reference's are not.</summary>
    /// <remarks>
    /// Their BPE cuts a character that several tokens share, and counts nothing of it as consumed; their tiktoken does not, and ours does as that.
    /// </remarks>
    private static IEnumerable<string> Texts(Tokenizer theirs, Tokenizer ours) =>
        new HardStrings(20270).Take(HardStrings.Share(4)).Concat(NaturalText.All.Where(text => text.Length < 2_000))
            .Select(text => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)))
            .Where(text => !text.Contains("<|", StringComparison.Ordinal) && theirs.EncodeToIds(text).SequenceEqual(ours.EncodeToIds(text)))
            .Where(text => theirs is TiktokenTokenizer
                || ours.EncodeToIds(text).All(id => !ours.Decode([id]).Contains('\uFFFD', StringComparison.Ordinal)));

    private static IEnumerable<(string Member, Func<Tokenizer, string> Call)> Calls(string text, int most)
    {
        foreach (var (kind, pre, norm) in new[] { ("", true, true), (", no normalization", true, false), (", no pre-tokenization", false, true) })
        {
            // Theirs takes one of the two flags for the other when it counts from the end.
            bool Pre(Tokenizer tokenizer) => tokenizer is VllmTokenizer ? pre : norm;
            bool Norm(Tokenizer tokenizer) => tokenizer is VllmTokenizer ? norm : pre;

            yield return ($"EncodeToIds(string{kind})", t => Show(t.EncodeToIds(text, pre, norm)));
            yield return ($"EncodeToIds(span{kind})", t => Show(t.EncodeToIds(text.AsSpan(), pre, norm)));
            yield return ($"EncodeToTokens(string{kind})", t => Show(t.EncodeToTokens(text, out var n, pre, norm), n));
            yield return ($"EncodeToTokens(span{kind})", t => Show(t.EncodeToTokens(text.AsSpan(), out var n, pre, norm), n));
            yield return ($"CountTokens(string{kind})", t => Show(t.CountTokens(text, pre, norm)));
            yield return ($"CountTokens(span{kind})", t => Show(t.CountTokens(text.AsSpan(), pre, norm)));
            if (pre)
            {
                // Without pre-tokenization theirs gives more tokens than it was asked for.
                yield return (
                    $"EncodeToIds(string, most{kind})", t => Show(t.EncodeToIds(text, most, out var n, out var used, pre, norm), n, used));
                yield return (
                    $"EncodeToIds(span, most{kind})", t => Show(t.EncodeToIds(text.AsSpan(), most, out var n, out var used, pre, norm), n, used));
            }

            yield return (
                $"GetIndexByTokenCount(string{kind})", t => Show(t.GetIndexByTokenCount(text, most, out var n, out var count, pre, norm), n, count));
            yield return (
                $"GetIndexByTokenCount(span{kind})",
                t => Show(t.GetIndexByTokenCount(text.AsSpan(), most, out var n, out var count, pre, norm), n, count));
            yield return (
                $"GetIndexByTokenCountFromEnd(string{kind})",
                t => Show(t.GetIndexByTokenCountFromEnd(text, most, out var n, out var count, Pre(t), Norm(t)), n, count));
            yield return (
                $"GetIndexByTokenCountFromEnd(span{kind})",
                t => Show(t.GetIndexByTokenCountFromEnd(text.AsSpan(), most, out var n, out var count, Pre(t), Norm(t)), n, count));
        }

        yield return ("Decode", t => t.Decode(t.EncodeToIds(text)));
        yield return ("Decode(span)", t => DecodeInto(t, t.EncodeToIds(text), text.Length));
        yield return ("Decode(small span)", t => DecodeInto(t, t.EncodeToIds(text), text.Length / 2));
        yield return ("Decode(part, span)", t => DecodeInto(t, [.. t.EncodeToIds(text).Take(most)], text.Length));
    }

    private static string DecodeInto(Tokenizer tokenizer, IReadOnlyList<int> ids, int room)
    {
        var text = new char[room];
        var status = tokenizer.Decode(ids, text, out var used, out var written);
        return $"{status} {used} {new string(text, 0, written)}";
    }

    private static string Show(IReadOnlyList<int> ids, string? normalized = null, int used = -1) => $"{string.Join(',', ids)} {normalized} {used}";

    private static string Show(IReadOnlyList<EncodedToken> tokens, string? normalized) =>
        $"{string.Join(' ', tokens.Select(token => $"{token.Id}@{token.Offset}"))} {normalized}";

    private static string Show(int index, string? normalized = null, int count = -1) =>
        string.Create(CultureInfo.InvariantCulture, $"{index} {normalized} {count}");

    private static string Result(Func<string> call)
    {
        try
        {
            return call();
        }
        catch (ArgumentException exception)
        {
            return exception.GetType().Name;
        }
    }

    /// <summary>Their BPE with the vocabulary and the merges of a tokenizer.json.</summary>
    private static BpeTokenizer Bpe(string folder)
    {
        var model = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")))!["model"]!;
        var merges = model["merges"]!.AsArray().Select(merge => merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)merge!);
        return BpeTokenizer.Create(new BpeOptions(model["vocab"]!.AsObject().Select(entry => KeyValuePair.Create(entry.Key, (int)entry.Value!)))
        {
            Merges = merges,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(
                new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", default, TimeSpan.FromSeconds(10)), null),
        });
    }
}
