using System.Buffers;

namespace Connectors.Vllm.Tokenizers.Buffers;

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
