namespace Connectors.Vllm.Tokenizers;

/// <summary>A binary min-heap of numbers over a reusable array.</summary>
internal struct RankHeap(ulong[] array)
{
    private int _count;

    /// <summary>The array behind the heap, for the next use.</summary>
    public ulong[] Array { get; private set; } = array;

    /// <summary>Adds without keeping order; call <see cref="Order"/> before taking.</summary>
    public void AddUnordered(ulong value)
    {
        if (_count == Array.Length)
        {
            Grow();
        }

        Array[_count++] = value;
    }

    public void Order()
    {
        for (var i = (_count / 2) - 1; i >= 0; i--)
        {
            SiftDown(i);
        }
    }

    public void Add(ulong value)
    {
        if (_count == Array.Length)
        {
            Grow();
        }

        var at = _count++;
        var array = Array;
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (array[parent] <= value)
            {
                break;
            }

            array[at] = array[parent];
            at = parent;
        }

        array[at] = value;
    }

    public bool TryTake(out ulong value)
    {
        if (_count == 0)
        {
            value = 0;
            return false;
        }

        value = Array[0];
        Array[0] = Array[--_count];
        if (_count > 1)
        {
            SiftDown(0);
        }

        return true;
    }

    private readonly void SiftDown(int at)
    {
        var array = Array;
        var value = array[at];
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && array[child + 1] < array[child])
            {
                child++;
            }

            if (array[child] >= value)
            {
                break;
            }

            array[at] = array[child];
            at = child;
        }

        array[at] = value;
    }

    private void Grow()
    {
        var larger = Array;
        System.Array.Resize(ref larger, Math.Max(1024, Array.Length * 2));
        Array = larger;
    }
}
