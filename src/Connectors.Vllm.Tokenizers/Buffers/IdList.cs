using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>The ids a model has made so far; reused between calls, not thread-safe.</summary>
internal sealed class IdList
{
    private int[] _ids = new int[64];

    public int Count { get; private set; }

    public ReadOnlySpan<int> Written => _ids.AsSpan(0, Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int id)
    {
        var ids = _ids;
        var count = Count;
        if ((uint)count >= (uint)ids.Length)
        {
            ids = Grow(1);
        }

        ids[count] = id;
        Count = count + 1;
    }

    public void AddRange(ReadOnlySpan<int> ids)
    {
        ids.CopyTo(Reserve(ids.Length));
        Count += ids.Length;
    }

    /// <summary>Room for <paramref name="count"/> more ids; call <see cref="Advance"/> with how many were written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<int> Reserve(int count)
    {
        if (_ids.Length - Count < count)
        {
            _ = Grow(count);
        }

        return _ids.AsSpan(Count);
    }

    /// <summary>The ids from <paramref name="first"/> on, to be changed.</summary>
    public Span<int> Items(int first) => _ids.AsSpan(first, Count - first);

    public void Advance(int count) => Count += count;

    public void Truncate(int count) => Count = count;

    public void Clear() => Count = 0;

    /// <summary>Gives memory back when a huge text has passed through.</summary>
    public void Trim(int keep)
    {
        Count = 0;
        if (_ids.Length > keep)
        {
            _ids = new int[64];
        }
    }

    private int[] Grow(int count)
    {
        Array.Resize(ref _ids, checked((int)Math.Min(Array.MaxLength, Math.Max((long)_ids.Length * 2, (long)Count + count))));
        return _ids;
    }
}
