namespace Connectors.Vllm.Tokenizers;

/// <summary>Replace with a Regex pattern; the content is taken as it is, without group references.</summary>
internal sealed class RegexReplaceNormalizer(RegexProgram pattern, byte[] content) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        // The reference never searches an empty text.
        if (text.IsEmpty)
        {
            return false;
        }

        using var matches = new RegexMatches(pattern, text);
        var end = -1;
        while (matches.MoveNext(text))
        {
            output.Append(text[Math.Max(end, 0)..matches.Start]);
            output.Append(content);
            end = matches.End;
        }

        if (end < 0)
        {
            return false;
        }

        output.Append(text[end..]);
        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text)
    {
        if (content.Length > 0 || text.IsEmpty)
        {
            return false;
        }

        using var matches = new RegexMatches(pattern, text);
        return matches.MoveNext(text) && matches.Start == 0 && matches.End > 0;
    }
}
