using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// A fast 64-bit hash of bytes (folded 128-bit multiplications, 16 bytes per step). Seeded per process, so hashes must not be stored.
/// </summary>
internal static class ByteHash
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64() | 1;

    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        var hash = Seed ^ ((ulong)bytes.Length * Multiplier);
        ref var at = ref MemoryMarshal.GetReference(bytes);
        var left = bytes.Length;
        while (left > 16)
        {
            hash = Mix(Unsafe.ReadUnaligned<ulong>(ref at) ^ hash, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, 8)) ^ Multiplier);
            at = ref Unsafe.Add(ref at, 16);
            left -= 16;
        }

        ulong first = 0, second = 0;
        if (left >= 8)
        {
            first = Unsafe.ReadUnaligned<ulong>(ref at);
            second = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, left - 8));
        }
        else if (left >= 4)
        {
            first = Unsafe.ReadUnaligned<uint>(ref at);
            second = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref at, left - 4));
        }
        else if (left > 0)
        {
            first = at;
            second = (ulong)Unsafe.Add(ref at, left >> 1) << 8 | Unsafe.Add(ref at, left - 1);
        }

        return Mix(first ^ hash, second ^ Multiplier ^ (hash << 32));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix(ulong left, ulong right)
    {
        var high = Math.BigMul(left, right | 1, out var low);
        return high ^ low;
    }
}
