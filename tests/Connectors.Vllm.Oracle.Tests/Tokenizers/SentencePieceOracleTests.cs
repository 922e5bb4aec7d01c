using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Oracle.Tests.Tokenizers.Components;
using Connectors.Vllm.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>
/// SentencePiece files against three witnesses: SentencePiece itself, the reference on the tokenizer.json of the same vocabulary, and
/// Microsoft.ML.Tokenizers' SentencePieceTokenizer.
/// </summary>
public sealed class SentencePieceOracleTests(SentencePieceOracle sentencePiece, TokenizerOracle reference, ITestOutputHelper log)
    : IClassFixture<SentencePieceOracle>, IClassFixture<TokenizerOracle>
{
    /// <summary>Real vocabularies, as tokenizer.json; their SentencePiece files are made of that.</summary>
    public static TheoryData<string> Vocabularies => ["v1-spm", "v2-spm", "v3-spm", "v7-spm", "llama2", "yi", "gemma3"];

    /// <summary>What SentencePiece is told to train: every algorithm and every kind of normalization.</summary>
    public static TheoryData<string, string> Trainings => new()
    {
        { "unigram", "" },
        { "unigram, bytes", """ "byte_fallback":true,"normalization_rule_name":"nfkc_cf" """ },
        { "unigram, as it is", """ "normalization_rule_name":"identity","remove_extra_whitespaces":false,"add_dummy_prefix":false """ },
        { "unigram, blanks behind", """ "treat_whitespace_as_suffix":true """ },
        { "unigram, symbols", """ "user_defined_symbols":["<tool>","ﬁ","☃"],"control_symbols":["<|im_start|>"] """ },
        { "bpe", "" },
        {
            "bpe, as Llama",
            """ "byte_fallback":true,"normalization_rule_name":"identity","remove_extra_whitespaces":false,"split_digits":true """
        },
        { "bpe, symbols", """ "byte_fallback":true,"user_defined_symbols":["<tool>","ﬁ","==","▁▁▁"],"control_symbols":["<|im_start|>"] """ },
        { "bpe, blanks behind", """ "treat_whitespace_as_suffix":true,"normalization_rule_name":"nmt_nfkc_cf" """ },
    };

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void Encode_RealVocabulary_EqualsSentencePieceAndReference(string name)
    {
        var folder = name.EndsWith("-spm", StringComparison.Ordinal) ? MistralTokenizers.Folder(name) : TestPaths.NpmTokenizer(name);
        var path = Path.Combine(folder, "tokenizer.json");
        var json = JsonNode.Parse(File.ReadAllBytes(path))!;
        var model = SentencePieceFile.FromTokenizerJson(json).ToBytes();
        var ours = Load(model);
        var texts = Texts(20266);

        // Plain text: no control token is read in it, as in SentencePiece itself.
        sentencePiece.Load(model);
        Compare("SentencePiece", texts, sentencePiece.Encode(texts), text => ours.Encode(text));

        // The reference, control tokens included.
        var added = ours.AddedTokens.Where(token => !token.Normalized).Select(token => token.Content).ToList();
        List<string> withTokens = [.. texts, .. new HardStrings(20267, added).Take(HardStrings.Share(8))];
        if (name == "gemma3")
        {
            // Its tokenizer.json finds runs of U+2581 before it turns blanks into them; SentencePiece, as above, does it afterwards.
            withTokens.RemoveAll(text => text.Contains('\u2581', StringComparison.Ordinal));
        }

        reference.Load(path);
        Compare("the reference", withTokens, reference.Encode(withTokens), text => ours.Encode(text));
        CountTheirs(name, model, texts, ours);
    }

    [Theory]
    [MemberData(nameof(Trainings))]
    public void Encode_TrainedModel_EqualsSentencePiece(string name, string options)
    {
        var lines = NaturalText.All.SelectMany(text => text.Split('\n')).Where(line => line.Trim().Length > 0).ToList();
        var comma = options.Length > 0 ? "," : "";
        var json = $$"""{"model_type":"{{name.Split(',')[0]}}","vocab_size":2000{{comma}}{{options}}}""";
        var model = sentencePiece.Train(lines, JsonNode.Parse(json)!.AsObject());
        var ours = Load(model);
        List<string> texts = [.. Texts(20268), .. new HardStrings(20269, ["<tool>", "ﬁ", "==", "   ", "▁▁▁"]).Take(HardStrings.Share(8))];
        sentencePiece.Load(model);

        var expected = sentencePiece.Encode(texts);
        Compare("SentencePiece", texts, expected, text => ours.Encode(text));
        var known = expected.Where(ids => !ids.Contains(0)).ToList();
        var keys = Enumerable.Range(0, known.Count).Select(i => i.ToString(CultureInfo.InvariantCulture)).ToList();

        // SentencePiece takes every blank at the start of a text away, the reference's decoder only the one that was added.
        Differences.AssertNone(
            keys, sentencePiece.Decode(known), key => ours.Decode(known[int.Parse(key, CultureInfo.InvariantCulture)]), text => text.TrimStart());
        CountTheirs(name, model, texts, ours);
    }

    /// <summary>Texts without control tokens: SentencePiece reads none in a text.</summary>
    private static List<string> Texts(int seed) =>
    [
        .. new HardStrings(seed).Take(HardStrings.Share(4)).Concat(NaturalText.All)
            .Where(text => !text.Contains("<s>", StringComparison.Ordinal) && !text.Contains("<|im_start|>", StringComparison.Ordinal))
            .Select(text => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))),
    ];

    private static VllmTokenizer Load(byte[] model) =>
        VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>> { ["tokenizer.model"] = model });

    private static void Compare(string witness, List<string> texts, int[][] expected, Func<string, int[]> encode) =>
        Differences.AssertNone(texts, expected, encode, ids => $"{witness}: {string.Join(',', ids)}");

    /// <summary>Their ids are a figure of docs/compatibility.md, and the reason why files are not read with their tokenizer.</summary>
    private void CountTheirs(string name, byte[] model, List<string> texts, VllmTokenizer ours)
    {
        var theirs = SentencePieceTokenizer.Create(new MemoryStream(model), addBeginningOfSentence: false, addEndOfSentence: false);
        var differences = texts.Count(text => !theirs.EncodeToIds(text).SequenceEqual(ours.Encode(text)));
        log.WriteLine($"{name}: {differences} of {texts.Count} differ in Microsoft.ML.Tokenizers");
    }
}
