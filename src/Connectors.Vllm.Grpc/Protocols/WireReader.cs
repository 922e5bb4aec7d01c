using Google.Protobuf.Collections;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Just enough of the protobuf wire format (https://protobuf.dev/programming-guides/encoding/) to read a token message in place. Every method returns
/// false instead of throwing; the caller then uses the generated parser.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _position;

    public readonly bool AtEnd => _position == _bytes.Length;

    public bool TryReadByte(out byte value)
    {
        if (_position < _bytes.Length)
        {
            value = _bytes[_position++];
            return true;
        }

        value = 0;
        return false;
    }

    /// <summary>A varint of up to 31 bits.</summary>
    public bool TryReadInt32(out int value)
    {
        uint result = 0;
        for (var shift = 0; shift < 35 && _position < _bytes.Length; shift += 7)
        {
            var b = _bytes[_position++];
            if (shift == 28 && b > 0x07)
            {
                break;
            }

            result |= (uint)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                value = (int)result;
                return true;
            }
        }

        value = 0;
        return false;
    }

    public bool TryReadBytes(out ReadOnlySpan<byte> value)
    {
        if (TryReadInt32(out var length) && length <= _bytes.Length - _position)
        {
            value = _bytes.Slice(_position, length);
            _position += length;
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>A packed field of token ids.</summary>
    public bool TryReadPackedIds(out int[] ids)
    {
        ids = [];
        if (!TryReadBytes(out var packed))
        {
            return false;
        }

        var count = 0;
        foreach (var b in packed)
        {
            count += b < 0x80 ? 1 : 0;
        }

        if (count == 0)
        {
            return packed.IsEmpty;
        }

        var values = new int[count];
        var reader = new WireReader(packed);
        for (var i = 0; i < values.Length; i++)
        {
            if (!reader.TryReadInt32(out values[i]))
            {
                return false;
            }
        }

        ids = values;
        return reader.AtEnd;
    }
}

/// <summary>Converts token ids between the protocols (unsigned) and this package (non-negative <see cref="int"/>).</summary>
internal static class TokenIdConversion
{
    public static int[] ToIds(RepeatedField<uint> field)
    {
        if (field.Count == 0)
        {
            return [];
        }

        var ids = new int[field.Count];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = ToId(field[i]);
        }

        return ids;
    }

    public static int ToId(uint id) => id <= int.MaxValue ? (int)id : throw new InvalidDataException($"token id {id} is out of range");

    public static void Fill(RepeatedField<uint> field, ReadOnlySpan<int> ids)
    {
        field.Capacity = ids.Length;
        foreach (var id in ids)
        {
            field.Add((uint)id);
        }
    }

    public static void Fill(RepeatedField<uint> field, IReadOnlyList<int> ids)
    {
        for (var i = 0; i < ids.Count; i++)
        {
            field.Add((uint)ids[i]);
        }
    }
}
