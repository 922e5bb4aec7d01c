using System.Buffers;
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

    /// <summary>Releases memory after a very large text.</summary>
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

/// <summary>
/// Which part of a text each token stands for, in bytes: one span per id, in the order of the ids. Tokens that carry parts of one
/// character overlap. Reused between calls, not thread-safe.
/// </summary>
internal sealed class TokenSpans
{
    private readonly IdList _starts = new();
    private readonly IdList _ends = new();

    public int Count => _starts.Count;

    public (int Start, int End) this[int index] => (_starts.Written[index], _ends.Written[index]);

    public void Clear()
    {
        _starts.Clear();
        _ends.Clear();
    }

    public void Add(int start, int end)
    {
        _starts.Add(start);
        _ends.Add(end);
    }

    /// <summary>Forgets all but the first spans.</summary>
    public void Truncate(int count)
    {
        _starts.Truncate(count);
        _ends.Truncate(count);
    }

    /// <summary>Moves the spans from <paramref name="first"/> on: their text is a part of a larger one.</summary>
    public void Shift(int first, int distance)
    {
        foreach (ref var start in _starts.Items(first))
        {
            start += distance;
        }

        foreach (ref var end in _ends.Items(first))
        {
            end += distance;
        }
    }

    /// <summary>Turns the spans from <paramref name="first"/> on into spans of the text that theirs was made from.</summary>
    public void Map(int first, Alignment alignment)
    {
        var starts = _starts.Items(first);
        var ends = _ends.Items(first);
        for (var i = 0; i < starts.Length; i++)
        {
            (starts[i], ends[i]) = alignment.Source(starts[i], ends[i]);
        }
    }

    /// <summary>Turns spans in bytes into spans in UTF-16 units. A place inside a character counts as the character's border.</summary>
    /// <param name="text">The text whose bytes the spans count; valid UTF-8.</param>
    public void ToCharacters(ReadOnlySpan<byte> text)
    {
        var characters = ArrayPool<int>.Shared.Rent(text.Length + 1);
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            // A character of four bytes is two UTF-16 units, any other is one.
            characters[i] = count;
            var isFirst = (text[i] & 0xC0) != 0x80;
            count += i + 1 == text.Length || (text[i + 1] & 0xC0) != 0x80 ? 1 : 0;
            count += isFirst && text[i] >= 0xF0 ? 1 : 0;
        }

        characters[text.Length] = count;
        foreach (ref var start in _starts.Items(0))
        {
            while (start > 0 && start < text.Length && (text[start] & 0xC0) == 0x80)
            {
                start--;
            }

            start = characters[start];
        }

        foreach (ref var end in _ends.Items(0))
        {
            while (end < text.Length && (text[end] & 0xC0) == 0x80)
            {
                end++;
            }

            end = characters[end];
        }

        ArrayPool<int>.Shared.Return(characters);
    }

    public void Trim(int keep)
    {
        _starts.Trim(keep);
        _ends.Trim(keep);
    }
}
