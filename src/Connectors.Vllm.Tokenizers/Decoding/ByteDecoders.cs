using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>
/// ByteLevel inside a chain: tokens wholly of the printable alphabet become its bytes, others their own UTF-8; then one conversion of
/// everything, with U+FFFD for what is no UTF-8.
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

/// <summary>
/// Turns runs of tokens such as <c>&lt;0xE4&gt;</c> into the text their bytes make. A run that is not valid UTF-8 as a whole becomes one
/// U+FFFD per byte.
/// </summary>
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

    /// <summary>Writes a run over the tokens it came from; there are never more results than tokens.</summary>
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
