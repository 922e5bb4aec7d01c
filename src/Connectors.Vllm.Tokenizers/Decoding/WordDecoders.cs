using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>Puts a blank before every token that does not continue a word.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanup) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (i > 0)
            {
                token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            }

            tokens[i] = cleanup ? EnglishCleanup.Apply(token) : token;
        }
    }
}

/// <summary>For speech models: repeated tokens count once, padding goes, the delimiter becomes a blank.</summary>
internal sealed class CtcDecoder(string padToken, string wordDelimiter, bool cleanup) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var written = 0;
        string? before = null;
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (token == before)
            {
                continue;
            }

            before = token;
            var text = Replace(token, padToken, string.Empty);
            text = cleanup ? Replace(EnglishCleanup.Apply(text), wordDelimiter, " ") : text;
            if (text.Length > 0)
            {
                tokens[written++] = text;
            }
        }

        tokens.RemoveRange(written, tokens.Count - written);
    }

    private static string Replace(string text, string old, string replacement) =>
        old.Length == 0 ? text : text.Replace(old, replacement, StringComparison.Ordinal);
}

/// <summary>Takes the blanks out that word-wise decoding leaves before English punctuation and contractions.</summary>
internal static class EnglishCleanup
{
    private static readonly (string Dirty, string Clean)[] Rules =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    public static string Apply(string text)
    {
        foreach (var (dirty, clean) in Rules)
        {
            text = text.Replace(dirty, clean, StringComparison.Ordinal);
        }

        return text;
    }
}
