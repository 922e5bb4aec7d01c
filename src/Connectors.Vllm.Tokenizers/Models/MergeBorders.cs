using System.Buffers;
using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Knows between which characters a BPE merge can ever happen. Every token is made by joining a token that ends with some character a
/// to one that begins with some b; where no merge joins that a and b, no token can lie across, so the text can be cut there without
/// changing an id. Llama-style models never merge across the start of a word, and most neighbours in Chinese or Japanese text never
/// merge either. Immutable.
/// </summary>
internal sealed class MergeBorders
{
    private readonly HashSet<ulong> _joined = [];
    private readonly HashSet<int> _known = [];

    // Bit matrix of the pairs among the first 128 code points, and of known ones: the common case without hashing.
    private readonly UInt128[] _joinedAscii = new UInt128[128];
    private UInt128 _knownAscii;

    private MergeBorders()
    {
    }

    /// <summary>The borders of a model, or null when its merges touch bytes or unknown characters, so that nothing is certain.</summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="opaque">Ids that stand for bytes or unknown characters (-1 for none).</param>
    public static MergeBorders? Create(Vocabulary vocabulary, MergeTable merges, ReadOnlySpan<int> opaque)
    {
        var result = new MergeBorders();
        var opaqueIds = new HashSet<int>();
        foreach (var id in opaque)
        {
            opaqueIds.Add(id);
        }

        foreach (var (left, right, _) in merges.All())
        {
            if (opaqueIds.Contains(left) || opaqueIds.Contains(right)
                || Rune.DecodeLastFromUtf8(vocabulary.Token(left), out var before, out _) != OperationStatus.Done
                || Rune.DecodeFromUtf8(vocabulary.Token(right), out var after, out _) != OperationStatus.Done)
            {
                return null;
            }

            if (before.Value < 128 && after.Value < 128)
            {
                result._joinedAscii[before.Value] |= UInt128.One << after.Value;
            }
            else
            {
                result._joined.Add((ulong)(uint)before.Value << 32 | (uint)after.Value);
            }
        }

        for (var id = 0; id < vocabulary.IdLimit; id++)
        {
            var token = vocabulary.Token(id);
            if (Rune.DecodeFromUtf8(token, out var rune, out var length) == OperationStatus.Done && length == token.Length)
            {
                result._known.Add(rune.Value);
                if (rune.Value < 128)
                {
                    result._knownAscii |= UInt128.One << rune.Value;
                }
            }
        }

        return result;
    }

    /// <summary>The first place behind the start where the text can be cut; its length when there is none.</summary>
    /// <param name="text">Valid UTF-8, not empty.</param>
    public int NextBorder(ReadOnlySpan<byte> text)
    {
        Rune.DecodeFromUtf8(text, out var before, out var at);
        while (at < text.Length)
        {
            Rune.DecodeFromUtf8(text[at..], out var after, out var length);
            if (IsBorder(before.Value, after.Value))
            {
                return at;
            }

            at += length;
            before = after;
        }

        return at;
    }

    /// <summary>Characters without a token of their own become bytes or unknown tokens that may fuse: no cut beside them.</summary>
    private bool IsBorder(int before, int after) => (before | after) < 128
        ? ((_joinedAscii[before] >> after) & 1) == 0 && ((_knownAscii >> before) & 1) != 0 && ((_knownAscii >> after) & 1) != 0
        : !_joined.Contains((ulong)(uint)before << 32 | (uint)after) && _known.Contains(before) && _known.Contains(after);
}
