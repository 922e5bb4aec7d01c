namespace Connectors.Vllm.OutputParsing;

/// <summary>Where in the output marker tokens and special tokens stand, by position from the output's start; kept only for characters still needed.</summary>
internal sealed class TokenMarks
{
    private readonly List<(long Position, int Length)> _marks = [];
    private int _first;

    public void Add(long position, int length) => _marks.Add((position, length));

    /// <summary>True when a marked token of this length begins here.</summary>
    public bool Contains(long position, int length)
    {
        int low = _first, high = _marks.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (_marks[middle].Position == position)
            {
                return _marks[middle].Length == length;
            }

            if (_marks[middle].Position < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return false;
    }

    /// <summary>Forgets all before a position.</summary>
    public void ForgetBefore(long position)
    {
        while (_first < _marks.Count && _marks[_first].Position < position)
        {
            _first++;
        }

        if (_first > 64 || _first == _marks.Count)
        {
            _marks.RemoveRange(0, _first);
            _first = 0;
        }
    }
}
