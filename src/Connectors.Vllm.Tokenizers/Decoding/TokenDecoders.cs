using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>
/// A decoder of a chain, which rewrites the list of token strings; the text is their concatenation. Immutable and thread-safe. Not used for chains
/// with a linear fast path (ByteLevel; Replace, ByteFallback, Fuse, Strip).
/// </summary>
internal abstract class TokenDecoder
{
    /// <summary>Rewrites <paramref name="tokens"/> in place; may also join or remove entries.</summary>
    /// <param name="tokens">The texts of the tokens.</param>
    /// <param name="budget">The budget for the work.</param>
    public abstract void Decode(List<string> tokens, TextBudget budget);
}

/// <summary>Applies several decoders in sequence.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<TokenDecoder> parts) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        foreach (var part in parts)
        {
            budget.Spend(tokens.Sum(static token => (long)token.Length) + 1);
            part.Decode(tokens, budget);
        }
    }
}

/// <summary>Joins all tokens into one.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var text = string.Concat(tokens);
        tokens.Clear();
        tokens.Add(text);
    }
}

/// <summary>Replaces a pattern inside each token.</summary>
internal sealed class ReplaceDecoder(Normalizer replace) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var output = new Utf8Buffer();
        for (var i = 0; i < tokens.Count; i++)
        {
            output.Clear();
            output.Limit = budget.MaxOutputLength;
            if (replace.TryNormalize(Encoding.UTF8.GetBytes(tokens[i]), output, budget))
            {
                budget.SpendBytes(output.Length);
                tokens[i] = Encoding.UTF8.GetString(output.Written);
            }
        }
    }
}

/// <summary>Removes up to a number of occurrences of a character from each end of each token.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : TokenDecoder
{
    private readonly string _content = content.ToString();

    public override void Decode(List<string> tokens, TextBudget budget)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i].AsSpan();
            for (var count = 0; count < start && token.StartsWith(_content, StringComparison.Ordinal); count++)
            {
                token = token[_content.Length..];
            }

            for (var count = 0; count < stop && token.EndsWith(_content, StringComparison.Ordinal); count++)
            {
                token = token[..^_content.Length];
            }

            if (token.Length != tokens[i].Length)
            {
                tokens[i] = token.ToString();
            }
        }
    }
}

/// <summary>Replaces markers with spaces and removes them from the first token, unless the encoder never adds any.</summary>
internal sealed class MetaspaceDecoder(MetaspaceSettings settings) : TokenDecoder
{
    private readonly string _marker = settings.Marker.ToString();

    public override void Decode(List<string> tokens, TextBudget budget)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var drops = i == 0 && settings.Prepend != MetaspacePrepend.Never;
            tokens[i] = tokens[i].Replace(_marker, drops ? string.Empty : " ", StringComparison.Ordinal);
        }
    }
}

/// <summary>The decoder BPEDecoder: replaces the end-of-word suffix with a space and removes it from the last token.</summary>
internal sealed class BpeSuffixDecoder(string suffix) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        if (suffix.Length == 0)
        {
            return;
        }

        for (var i = 0; i < tokens.Count; i++)
        {
            tokens[i] = tokens[i].Replace(suffix, i == tokens.Count - 1 ? string.Empty : " ", StringComparison.Ordinal);
        }
    }
}

/// <summary>
/// ByteLevel in a chain: tokens in the printable alphabet become its bytes, others their own UTF-8; then everything is decoded at once, with U+FFFD
/// for invalid UTF-8.
/// </summary>
internal sealed class ByteLevelDecoder : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var output = new Utf8Buffer();
        foreach (var token in tokens)
        {
            var utf8 = Encoding.UTF8.GetBytes(token);
            var bytes = new byte[utf8.Length];
            output.Append(ByteAlphabet.TryToBytes(utf8, bytes, out var written) ? bytes.AsSpan(0, written) : utf8);
        }

        tokens.Clear();
        tokens.Add(Encoding.UTF8.GetString(output.Written));
    }
}

/// <summary>Decodes runs of tokens such as <c>&lt;0xE4&gt;</c> to text. A run that is not valid UTF-8 becomes one U+FFFD per byte.</summary>
internal sealed class ByteFallbackDecoder : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var run = new ArrayBufferWriter<byte>();
        var written = 0;
        for (var i = 0; i <= tokens.Count; i++)
        {
            if (i < tokens.Count && TryReadByte(tokens[i], out var value))
            {
                run.GetSpan(1)[0] = value;
                run.Advance(1);
                continue;
            }

            if (run.WrittenCount > 0)
            {
                written = Flush(tokens, written, run);
            }

            if (i < tokens.Count)
            {
                tokens[written++] = tokens[i];
            }
        }

        tokens.RemoveRange(written, tokens.Count - written);
    }

    /// <summary>Writes the text of a run over its tokens; there are never more results than tokens.</summary>
    private static int Flush(List<string> tokens, int written, ArrayBufferWriter<byte> run)
    {
        if (Utf8.IsValid(run.WrittenSpan))
        {
            tokens[written++] = Encoding.UTF8.GetString(run.WrittenSpan);
        }
        else
        {
            for (var i = 0; i < run.WrittenCount; i++)
            {
                tokens[written++] = "\uFFFD";
            }
        }

        run.ResetWrittenCount();
        return written;
    }

    private static bool TryReadByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}

/// <summary>Inserts a space before every token that does not continue a word.</summary>
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

/// <summary>For speech models: collapses repeated tokens, removes padding, and replaces the delimiter with a space.</summary>
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

/// <summary>Removes the spaces that decoding word by word leaves before English punctuation and contractions.</summary>
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
