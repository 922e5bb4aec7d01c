using System.Buffers.Binary;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>
/// The compiled character map of SentencePiece: a double-array trie (darts-clone, https://github.com/s-yata/darts-clone) from byte sequences to
/// positions in a list of NUL-terminated replacements.
/// </summary>
internal sealed class PrecompiledNormalizer : Normalizer
{
    /// <summary>Clusters with fewer bytes are looked up as a whole before their characters are.</summary>
    private const int LongCluster = 6;

    /// <summary>The maximum length of a key, longer than any character sequence of a real map.</summary>
    private const int MaxKeyLength = 64;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    /// <param name="map">The size of the trie in bytes (little-endian), the trie, and the replacements.</param>
    /// <exception cref="TokenizerException">The map is invalid.</exception>
    public PrecompiledNormalizer(ReadOnlySpan<byte> map)
    {
        var size = map.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(map) : uint.MaxValue;
        if (size > map.Length - 4 || size < 4)
        {
            throw new TokenizerException("the precompiled_charsmap is truncated: its size does not match its content");
        }

        _units = new uint[size / 4];
        for (var i = 0; i < _units.Length; i++)
        {
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(map[(4 + (i * 4))..]);
        }

        _replacements = map[(int)(4 + (size / 4 * 4))..].ToArray();
        if (!System.Text.Unicode.Utf8.IsValid(_replacements))
        {
            throw new TokenizerException("the replacements of the precompiled_charsmap are not UTF-8");
        }
    }

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        var changed = false;
        var copied = 0;
        for (var i = 0; i < text.Length;)
        {
            var length = GraphemeClusters.NextLength(text, i);
            if (length < LongCluster && TryFind(text.Slice(i, length), out var replacement))
            {
                Replace(text, ref copied, i, length, replacement, output);
                changed = true;
                i += length;
                continue;
            }

            for (var end = i + length; i < end;)
            {
                _ = CodePoints.Read(text, i, out var characterLength);
                if (TryFind(text.Slice(i, characterLength), out replacement))
                {
                    Replace(text, ref copied, i, characterLength, replacement, output);
                    changed = true;
                }

                i += characterLength;
            }
        }

        if (changed)
        {
            output.Append(text[copied..]);
        }

        return changed;
    }

    private static void Replace(ReadOnlySpan<byte> text, ref int copied, int start, int length, ReadOnlySpan<byte> replacement, Utf8Buffer output)
    {
        output.Append(text[copied..start]);
        copied = start + length;
        output.AppendFor(start, copied, replacement);
    }

    /// <summary>Finds the replacement of the longest prefix of <paramref name="text"/> in the trie, like SentencePiece itself.</summary>
    public bool TryFindLongest(ReadOnlySpan<byte> text, TextBudget budget, out int length, out ReadOnlySpan<byte> replacement)
    {
        length = 0;
        replacement = default;
        var node = Offset(_units[0]);
        for (var i = 0; i < text.Length && text[i] != 0; i++)
        {
            if (i >= MaxKeyLength)
            {
                // A cyclic trie would follow the text to its end from every position.
                budget.Spend(1);
            }

            node ^= text[i];
            if (node >= (uint)_units.Length || (_units[node] & 0x800000FF) != text[i])
            {
                break;
            }

            var unit = _units[node];
            node ^= Offset(unit);
            if ((unit & 0x100) != 0)
            {
                length = i + 1;
                replacement = Replacement(node);
            }
        }

        return length > 0;
    }

    /// <summary>Finds the replacement of the shortest prefix of <paramref name="key"/> in the trie, which replaces the whole key.</summary>
    private bool TryFind(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> replacement)
    {
        replacement = default;
        var node = Offset(_units[0]);
        foreach (var value in key)
        {
            if (value == 0)
            {
                return false;
            }

            node ^= value;
            if (node >= (uint)_units.Length || (_units[node] & 0x800000FF) != value)
            {
                return false;
            }

            var unit = _units[node];
            node ^= Offset(unit);
            if ((unit & 0x100) != 0)
            {
                replacement = Replacement(node);
                return true;
            }
        }

        return false;
    }

    /// <summary>Gets the replacement at a leaf of the trie.</summary>
    private ReadOnlySpan<byte> Replacement(uint leaf)
    {
        var start = leaf < (uint)_units.Length ? _units[leaf] & 0x7FFFFFFF : uint.MaxValue;
        if (start > _replacements.Length)
        {
            throw new TokenizerException("the precompiled_charsmap points outside its replacements; the file is corrupt, download it again");
        }

        var rest = _replacements.AsSpan((int)start);
        var end = rest.IndexOf((byte)0);
        rest = end < 0 ? rest : rest[..end];
        return rest.IsEmpty || (rest[0] & 0xC0) != 0x80
            ? rest
            : throw new TokenizerException("the precompiled_charsmap points into the middle of a character; the file is corrupt, download it again");
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);
}
