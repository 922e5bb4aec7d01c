
namespace Connectors.Vllm.Tokenizers;

/// <summary>The bytes that each id stands for, one behind the other. Immutable.</summary>
internal sealed class TokenBytes
{
    private readonly byte[] _blob;
    private readonly int[] _starts;

    private TokenBytes(byte[] blob, int[] starts)
    {
        _blob = blob;
        _starts = starts;
    }

    /// <summary>One more than the highest id.</summary>
    public int IdLimit => _starts.Length - 1;

    /// <summary>Never less than the length of all bytes together.</summary>
    public int Capacity => _blob.Length;

    /// <summary>The bytes of an id; empty when there is no such token.</summary>
    public ReadOnlySpan<byte> this[int id] => _blob.AsSpan(_starts[id], _starts[id + 1] - _starts[id]);

    /// <summary>The tokens of a rank file: they are bytes already.</summary>
    public static TokenBytes Of(Vocabulary vocabulary) => Create(vocabulary, isAlphabet: false);

    /// <summary>
    /// What the tokens of a byte-level vocabulary stand for. A token with a character outside the alphabet stands for its own UTF-8, as in
    /// the reference's decoder.
    /// </summary>
    public static TokenBytes OfAlphabet(Vocabulary vocabulary) => Create(vocabulary, isAlphabet: true);

    private static TokenBytes Create(Vocabulary vocabulary, bool isAlphabet)
    {
        // Undoing the alphabet never makes a token longer.
        var blob = new byte[vocabulary.BlobLength];
        var starts = new int[vocabulary.IdLimit + 1];
        var at = 0;
        for (var id = 0; id < vocabulary.IdLimit; id++)
        {
            starts[id] = at;
            var token = vocabulary.Token(id);
            if (!isAlphabet || !ByteAlphabet.TryToBytes(token, blob.AsSpan(at), out var length))
            {
                token.CopyTo(blob.AsSpan(at));
                length = token.Length;
            }

            at += length;
        }

        starts[^1] = at;
        return new TokenBytes(blob, starts);
    }
}
