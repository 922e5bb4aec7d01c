using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>Decodes ids to text, for every kind of decoder. Thread-safe.</summary>
internal class TextDecoder(DecodeTable table, DecoderKind kind, TokenDecoder? chain)
{
    private const string Replacement = "\uFFFD";

    public DecodeTable Table => table;

    public DecoderKind Kind => kind;

    /// <summary>Whether the id has text, or may have text.</summary>
    public virtual bool Shows(int id, bool skipSpecial) => table.Shows(id, skipSpecial);

    /// <summary>Decodes ids.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecial">Whether special tokens are skipped.</param>
    /// <param name="budget">The budget of a decoder chain if the ids are a part of a text; null if they are a text of their own.</param>
    public virtual string Decode(ReadOnlySpan<int> ids, bool skipSpecial, TextBudget? budget = null) => kind switch
    {
        DecoderKind.Bytes => DecodeBytes(ids, skipSpecial),
        DecoderKind.ByteFallback or DecoderKind.ByteFallbackStrip => DecodeFallback(ids, skipSpecial),
        _ => DecodeChain(ids, skipSpecial, budget),
    };

    private string DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        var length = 0;
        foreach (var id in ids)
        {
            if (table.Shows(id, skipSpecial))
            {
                length += table.Bytes(id).Length;
            }
        }

        var buffer = ArrayPool<byte>.Shared.Rent(length + 16);
        try
        {
            var at = 0;
            foreach (var id in ids)
            {
                if (table.Shows(id, skipSpecial))
                {
                    var bytes = table.Bytes(id);
                    bytes.CopyTo(buffer.AsSpan(at));
                    at += bytes.Length;
                }
            }

            return Encoding.UTF8.GetString(buffer, 0, at);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Decodes with byte fallback. A run of byte tokens that is not valid UTF-8 becomes one U+FFFD per byte, including its valid parts.
    /// </summary>
    private string DecodeFallback(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        var buffer = new Utf8Buffer();
        var run = -1;
        foreach (var id in ids)
        {
            if (!table.Shows(id, skipSpecial))
            {
                continue;
            }

            if (table.IsFallbackByte(id))
            {
                run = run < 0 ? buffer.Length : run;
            }
            else
            {
                EndRun(buffer, ref run);
            }

            buffer.Append(table.Bytes(id));
        }

        EndRun(buffer, ref run);
        var text = buffer.Written;
        if (kind == DecoderKind.ByteFallbackStrip && text.Length > 0 && text[0] == ' ')
        {
            text = text[1..];
        }

        return Encoding.UTF8.GetString(text);
    }

    private static void EndRun(Utf8Buffer buffer, ref int run)
    {
        if (run >= 0 && !Utf8.IsValid(buffer.Written[run..]))
        {
            var bytes = buffer.Length - run;
            buffer.Advance(-bytes);
            for (var i = 0; i < bytes; i++)
            {
                buffer.AppendCodePoint(0xFFFD);
            }
        }

        run = -1;
    }

    private string DecodeChain(ReadOnlySpan<int> ids, bool skipSpecial, TextBudget? budget)
    {
        var tokens = new List<string>(ids.Length);
        var length = 0L;
        foreach (var id in ids)
        {
            if (table.Shows(id, skipSpecial))
            {
                tokens.Add(table.IsWholeText(id) ? table.Text(id) : Replacement);
                length += tokens[^1].Length;
            }
        }

        if (chain is null)
        {
            return string.Join(' ', tokens);
        }

        budget ??= new TextBudget(length);
        budget.Spend(length);
        chain.Decode(tokens, budget);
        return string.Concat(tokens);
    }
}

/// <summary>The kinds of decoders.</summary>
internal enum DecoderKind
{
    /// <summary>The ByteLevel decoder, and tiktoken and tekken files: the bytes of all tokens in one lossy UTF-8 conversion.</summary>
    Bytes,

    /// <summary>Replace ▁ with a space, ByteFallback, Fuse.</summary>
    ByteFallback,

    /// <summary>Replace ▁ with a space, ByteFallback, Fuse, Strip one leading space.</summary>
    ByteFallbackStrip,

    /// <summary>Anything else: the general chain of <see cref="TokenDecoder"/>s.</summary>
    Chain,

    /// <summary>No decoder in the file: the tokens joined with spaces.</summary>
    JoinWithSpaces,
}
