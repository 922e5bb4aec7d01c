namespace Connectors.Vllm.Tokenizers;

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
