using Google.Protobuf.Collections;

namespace Connectors.Vllm.Grpc;

/// <summary>Token ids between the wire (unsigned) and this package (int, never negative).</summary>
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
