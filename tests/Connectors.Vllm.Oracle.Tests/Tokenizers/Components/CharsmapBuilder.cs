using System.Buffers.Binary;
using System.Text;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Builds small precompiled character maps: a darts-clone double array and the replacements behind it.</summary>
internal static class CharsmapBuilder
{
    public static string Build(IReadOnlyDictionary<string, string> map)
    {
        var replacements = new List<byte>();
        var root = new Node();
        foreach (var (from, to) in map)
        {
            var node = root;
            foreach (var value in Encoding.UTF8.GetBytes(from))
            {
                if (!node.Children.TryGetValue(value, out var child))
                {
                    node.Children.Add(value, child = new Node());
                }

                node = child;
            }

            node.Value = replacements.Count;
            replacements.AddRange(Encoding.UTF8.GetBytes(to));
            replacements.Add(0);
        }

        var units = new uint[1 << 16];
        var used = new bool[units.Length];
        used[0] = true;
        Place(root, 0, 0, units, used);
        var length = Math.Max(256, Array.FindLastIndex(used, isUsed => isUsed) + 256);
        var bytes = new byte[4 + (length * 4) + replacements.Count];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, length * 4);
        for (var i = 0; i < length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 + (i * 4)), units[i]);
        }

        replacements.CopyTo(bytes, 4 + (length * 4));
        return Convert.ToBase64String(bytes);
    }

    /// <summary>Finds places for a node's children: child c lies at (place of their base) xor c, its own value at the base itself.</summary>
    private static void Place(Node node, int index, byte label, uint[] units, bool[] used)
    {
        var start = 256;
        while (used[start] || node.Children.Keys.Any(value => used[start ^ value]) || (start ^ index) >= 1 << 21)
        {
            start++;
        }

        used[start] = true;
        units[index] = (uint)(index ^ start) << 10 | (node.Value >= 0 ? 0x100u : 0) | label;
        if (node.Value >= 0)
        {
            units[start] = (uint)node.Value | 1u << 31;
        }

        foreach (var value in node.Children.Keys)
        {
            used[start ^ value] = true;
        }

        foreach (var (value, child) in node.Children)
        {
            Place(child, start ^ value, value, units, used);
        }
    }

    private sealed class Node
    {
        public SortedDictionary<byte, Node> Children { get; } = [];

        public int Value { get; set; } = -1;
    }
}
