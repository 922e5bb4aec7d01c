using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>Encodes a piece to token ids. Immutable and thread-safe; the working memory is in the caller's <see cref="ModelState"/>.</summary>
internal abstract class TokenModel
{
    /// <summary>The tokens and their ids, as in the file.</summary>
    public abstract Vocabulary Vocabulary { get; }

    /// <summary>Whether the model reads raw bytes: its pre-tokenizer ends with ByteLevel, and the alphabet was removed when it was loaded.</summary>
    public virtual bool ReadsRawBytes => false;

    /// <summary>Creates the working memory for <see cref="Encode"/>; each concurrent caller needs its own and reuses it.</summary>
    public virtual ModelState CreateState() => new();

    /// <summary>The id of text without a token, or -1.</summary>
    public virtual int UnknownId => -1;

    /// <summary>Appends the ids of <paramref name="piece"/>.</summary>
    /// <param name="piece"> Valid UTF-8 (any bytes if <see cref="ReadsRawBytes"/>), not empty. It may end where its memory ends. </param>
    /// <param name="state">The state created by <see cref="CreateState"/> of this model.</param>
    /// <param name="output">The list to which the ids are appended.</param>
    /// <exception cref="TokenizerException">The model has neither a token for a character nor an unknown token.</exception>
    public abstract void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output);

    /// <summary>Determines which bytes of a piece each of its ids represents.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="ids">The ids from <see cref="Encode"/>, or only the first ones.</param>
    /// <param name="spans">The list to which the spans are appended.</param>
    /// <param name="budget">The budget for the work.</param>
    public virtual void Locate(ReadOnlySpan<byte> piece, ReadOnlySpan<int> ids, TokenSpans spans, TextBudget budget)
    {
        var at = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            var length = LengthAt(piece, at, ids[i]);
            if (length == 0 && ids[i] == UnknownId)
            {
                // Text without a token ends where the next token matches.
                length = piece.Length - at;
                for (var next = at + 1; i + 1 < ids.Length && next < piece.Length; next++)
                {
                    if ((piece[next] & 0xC0) != 0x80 && (ids[i + 1] == UnknownId || LengthAt(piece, next, ids[i + 1]) > 0))
                    {
                        length = next - at;
                        break;
                    }
                }

                budget.Spend(length);
            }
            else if (length == 0)
            {
                // Characters without a token are omitted if there is no unknown token.
                var dropped = piece[at..].IndexOf(Source(ids[i]));
                budget.Spend(dropped >= 0 ? dropped : piece.Length - at);
                if (dropped > 0)
                {
                    at += dropped;
                    length = Source(ids[i]).Length;
                }
            }

            spans.Add(at, at + length);
            at += length;
        }
    }

    /// <summary>Gets the text that a token represents in a piece.</summary>
    protected virtual ReadOnlySpan<byte> Source(int id) => Vocabulary.Token(id);

    /// <summary>Gets the length of a token at a position of a piece; 0 if it does not match there.</summary>
    private int LengthAt(ReadOnlySpan<byte> piece, int at, int id)
    {
        var source = Source(id);
        if (!source.IsEmpty && piece[at..].StartsWith(source))
        {
            return source.Length;
        }

        return at < piece.Length && ByteFallback.TryRead(source, out var value) && piece[at] == value ? 1 : 0;
    }
}

/// <summary>Tokens such as <c>&lt;0xE4&gt;</c>, which represent one byte.</summary>
internal static class ByteFallback
{
    /// <summary>Reads the byte that a token represents; false for any other token.</summary>
    public static bool TryRead(ReadOnlySpan<byte> token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x"u8) && token[5] == '>'
            && byte.TryParse(token.Slice(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out value);
    }
}

/// <summary>The working memory of a model; the base class for models that need it. Not thread-safe.</summary>
internal class ModelState
{
    /// <summary>The budget for the work.</summary>
    public TextBudget Budget { get; set; } = new();

    /// <summary>The maximum number of ids that are needed; a model may stop when it is reached.</summary>
    public int MaxIds { get; set; } = int.MaxValue;

    /// <summary>Called after each text; releases the memory allocated for a very large text.</summary>
    public virtual void Trim()
    {
    }
}
