using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>Turns one piece into token ids. Immutable and thread-safe; working memory belongs to the caller's <see cref="ModelState"/>.</summary>
internal abstract class TokenModel
{
    /// <summary>The tokens and their ids, as the file lists them.</summary>
    public abstract Vocabulary Vocabulary { get; }

    /// <summary>True when the model reads raw bytes: its pre-tokenizer ends with ByteLevel and the alphabet was undone at load time.</summary>
    public virtual bool ReadsRawBytes => false;

    /// <summary>Working memory for <see cref="Encode"/>; one per concurrent caller, reused by it.</summary>
    public virtual ModelState CreateState() => new();

    /// <summary>The id for text without a token, or -1.</summary>
    public virtual int UnknownId => -1;

    /// <summary>Appends the ids of <paramref name="piece"/>.</summary>
    /// <param name="piece">
    /// Valid UTF-8 (any bytes when <see cref="ReadsRawBytes"/>), not empty. It may end where its memory ends.
    /// </param>
    /// <param name="state">From <see cref="CreateState"/> of this model.</param>
    /// <param name="output">Where the ids go.</param>
    /// <exception cref="TokenizerException">The model has no token for a character and no unknown token either.</exception>
    public abstract void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output);

    /// <summary>Tells which bytes of a piece each of its ids stands for.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="ids">Its ids, as <see cref="Encode"/> gave them; they may be only the first ones.</param>
    /// <param name="spans">Where the spans go.</param>
    /// <param name="budget">What the work may cost.</param>
    public virtual void Locate(ReadOnlySpan<byte> piece, ReadOnlySpan<int> ids, TokenSpans spans, TextBudget budget)
    {
        var at = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            var length = LengthAt(piece, at, ids[i]);
            if (length == 0 && ids[i] == UnknownId)
            {
                // What has no token ends where the next token fits.
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
                // Characters that have no token and no unknown token either stand for nothing.
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

    /// <summary>The text that a token stands for inside a piece.</summary>
    protected virtual ReadOnlySpan<byte> Source(int id) => Vocabulary.Token(id);

    /// <summary>Length of a token that stands at a place of a piece, 0 when it does not stand there.</summary>
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

/// <summary>Tokens such as <c>&lt;0xE4&gt;</c>, which stand for one byte.</summary>
internal static class ByteFallback
{
    /// <summary>The byte that a token stands for; false for any other token.</summary>
    public static bool TryRead(ReadOnlySpan<byte> token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x"u8) && token[5] == '>'
            && byte.TryParse(token.Slice(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out value);
    }
}

/// <summary>Working memory of a model; models that need any derive from it. Not thread-safe.</summary>
internal class ModelState
{
    /// <summary>What the work may cost.</summary>
    public TextBudget Budget { get; set; } = new();

    /// <summary>How many ids are wanted at most: a model may stop when there are so many.</summary>
    public int MostIds { get; set; } = int.MaxValue;

    /// <summary>Called after each text: gives back what a huge text made it allocate.</summary>
    public virtual void Trim()
    {
    }
}
