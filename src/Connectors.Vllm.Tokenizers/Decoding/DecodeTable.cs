using System.Runtime.CompilerServices;
using System.Text;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>
/// The contribution of each id to decoded text: bytes, one byte of a byte-fallback run, or nothing; and whether it is special. Immutable except for
/// cached strings.
/// </summary>
internal sealed class DecodeTable
{
    private const byte Known = 1;
    private const byte Special = 2;
    private const byte FallbackByte = 4;
    private const byte WholeText = 8;
    private const byte Added = 16;

    private readonly byte[] _bytes;
    private readonly int[] _starts;
    private readonly byte[] _flags;
    private readonly string?[] _strings;

    private DecodeTable(byte[] bytes, int[] starts, byte[] flags)
    {
        _bytes = bytes;
        _starts = starts;
        _flags = flags;
        _strings = new string?[flags.Length];
    }

    /// <summary>The longest token in bytes.</summary>
    public int Longest { get; private init; }

    /// <summary>Creates the table for the ids of a model and its added tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="added">The added tokens.</param>
    /// <param name="kind">The kind of decoder.</param>
    /// <param name="tokensAreBytes">Whether the tokens of the vocabulary are bytes and not in the printable alphabet.</param>
    public static DecodeTable Create(TokenModel model, AddedTokenSet added, DecoderKind kind, bool tokensAreBytes)
    {
        var vocabulary = model.Vocabulary;
        var flags = new byte[added.List.Aggregate(vocabulary.IdLimit, static (limit, token) => Math.Max(limit, token.Id + 1))];
        foreach (var token in added.List)
        {
            flags[token.Id] |= (byte)(Added | Known | (token.IsSpecial ? Special : 0));
        }

        // A byte-level model has already removed the alphabet.
        var bytes = kind == DecoderKind.Bytes ? (model as ByteBpeModel)?.Bytes : null;
        var buffer = new Utf8Buffer();
        buffer.GetSpan(vocabulary.BlobLength);
        var starts = new int[flags.Length + 1];
        var longest = 0;
        for (var id = 0; id < flags.Length; id++)
        {
            if ((flags[id] & Added) == 0 && vocabulary.Has(id))
            {
                flags[id] = Known;
            }

            if ((flags[id] & Added) != 0)
            {
                flags[id] |= Append(kind, tokensAreBytes, Encoding.UTF8.GetBytes(added.Find(id)!.Content), buffer);
            }
            else if (bytes is not null && id < bytes.IdLimit)
            {
                buffer.Append(bytes[id]);
            }
            else
            {
                flags[id] |= Append(kind, tokensAreBytes, vocabulary.Token(id), buffer);
            }

            if ((flags[id] & (Known | FallbackByte)) == Known && System.Text.Unicode.Utf8.IsValid(buffer.Written[starts[id]..]))
            {
                flags[id] |= WholeText;
            }

            starts[id + 1] = buffer.Length;
            longest = Math.Max(longest, starts[id + 1] - starts[id]);
        }

        return new DecodeTable([.. buffer.Written, .. new byte[Utf8Buffer.Slack]], starts, flags) { Longest = longest };
    }

    /// <summary>Whether the id is known and not skipped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Shows(int id, bool skipSpecial) => (uint)id < (uint)_flags.Length && (_flags[id] & (skipSpecial ? Known | Special : Known)) == Known;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<byte> Bytes(int id) => _bytes.AsSpan(_starts[id], _starts[id + 1] - _starts[id]);

    /// <summary>Whether the id is one byte of a byte-fallback run.</summary>
    public bool IsFallbackByte(int id) => (_flags[id] & FallbackByte) != 0;

    /// <summary>Whether the bytes of the id are complete characters.</summary>
    public bool IsWholeText(int id) => (_flags[id] & WholeText) != 0;

    /// <summary>Gets the text of an id of complete characters; cached.</summary>
    public string Text(int id) => _strings[id] ??= Encoding.UTF8.GetString(Bytes(id));

    private static byte Append(DecoderKind kind, bool tokensAreBytes, ReadOnlySpan<byte> token, Utf8Buffer output)
    {
        if (kind is DecoderKind.ByteFallback or DecoderKind.ByteFallbackStrip)
        {
            if (ByteFallback.TryRead(token, out var value))
            {
                output.Append(value);
                return FallbackByte;
            }

            AppendWithBlanks(token, output);
            return 0;
        }

        var bytes = output.GetSpan(token.Length);
        if (kind == DecoderKind.Bytes && !tokensAreBytes && ByteAlphabet.TryToBytes(token, bytes, out var length))
        {
            output.Advance(length);
        }
        else
        {
            output.Append(token);
        }

        return 0;
    }

    private static void AppendWithBlanks(ReadOnlySpan<byte> token, Utf8Buffer output)
    {
        var marker = "\u2581"u8;
        while (token.IndexOf(marker) is >= 0 and var at)
        {
            output.Append(token[..at]);
            output.Append((byte)' ');
            token = token[(at + marker.Length)..];
        }

        output.Append(token);
    }
}
