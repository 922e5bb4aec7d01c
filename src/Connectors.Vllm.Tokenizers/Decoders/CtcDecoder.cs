namespace Connectors.Vllm.Tokenizers;

/// <summary>For speech models: repeated tokens count once, padding goes, the delimiter becomes a blank.</summary>
internal sealed class CtcDecoder(string padToken, string wordDelimiter, bool cleanup) : Decoder
{
    public override void Decode(List<string> tokens)
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
