using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>Makes BPE models.</summary>
internal static class BpeModelFactory
{
    /// <summary>Cutting a token everywhere looks at its bytes again and again; tokens of real models are at most some hundred bytes long.</summary>
    private const long MostBytesLookedAt = 4L << 30;

    /// <summary>
    /// The model of a tokenizer.json. It reads raw bytes when that is wanted and every switch allows it: then bytes have tokens or are
    /// dropped, and nothing is added to characters.
    /// </summary>
    /// <param name="options">The switches.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="bytes">What the tokens of the alphabet stand for, when it was made already.</param>
    /// <param name="wantsRawBytes">The pre-tokenizer ends with ByteLevel.</param>
    public static TokenModel Create(BpeOptions options, Vocabulary vocabulary, MergeTable merges, TokenBytes? bytes, bool wantsRawBytes)
    {
        if (wantsRawBytes && options is { ContinuingSubwordPrefix: null, EndOfWordSuffix: null })
        {
            var model = new ByteBpeModel(vocabulary, bytes ?? TokenBytes.OfAlphabet(vocabulary), merges, options.IgnoreMerges, tokensAreBytes: false);
            if (model.HasAllBytes || options is { UnknownToken: null, ByteFallback: false })
            {
                return model;
            }
        }

        return new CharBpeModel(options, vocabulary, merges);
    }

    /// <summary>
    /// The model of a rank file (tiktoken, tekken): tokens are bytes, and any two neighbours whose bytes together are a token may merge,
    /// the lowest rank first.
    /// </summary>
    /// <param name="tokens">The tokens' bytes with their ids; ids rise with ranks. Single bytes are expected among them.</param>
    /// <param name="budget">What loading may take.</param>
    public static ByteBpeModel FromRanks(Vocabulary tokens, LoadBudget budget)
    {
        var triples = new IdList();
        var looked = 0L;
        for (var id = 0; id < tokens.IdLimit; id++)
        {
            var token = tokens.Token(id);
            looked += (long)token.Length * token.Length;
            if (looked > MostBytesLookedAt)
            {
                throw new TokenizerException("the file's tokens are far longer than any model's; fetch it again");
            }

            for (var cut = 1; cut < token.Length; cut++)
            {
                if (tokens.Find(token[..cut]) is >= 0 and var left && tokens.Find(token[cut..]) is >= 0 and var right)
                {
                    budget.Reserve(24, "merges");
                    triples.Add(left);
                    triples.Add(right);
                    triples.Add(id);
                }
            }
        }

        var found = triples.Written;
        var merges = new MergeTable(found.Length / 3, budget);
        for (var i = 0; i < found.Length; i += 3)
        {
            merges.Add(found[i], found[i + 1], found[i + 2], found[i + 2]);
        }

        // A piece that is a token is that token: tiktoken looks first.
        return new ByteBpeModel(tokens, TokenBytes.Of(tokens), merges, ignoreMerges: true, tokensAreBytes: true);
    }
}
