namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// The matches of a pattern in a text, as the reference's engine iterates them: an empty match directly behind another match does not
/// count. The text is handed in again on each step because this struct must not keep it.
/// </summary>
internal struct RegexMatches : IDisposable
{
    private readonly RegexProgram _program;
    private readonly RegexWork _work;
    private int _from;
    private int _lastEnd = -1;

    public RegexMatches(RegexProgram program, ReadOnlySpan<byte> text)
    {
        _program = program;
        _work = RegexWork.Rent(program, text.Length);
    }

    public int Start { get; private set; }

    public int End { get; private set; }

    public bool MoveNext(ReadOnlySpan<byte> text)
    {
        while (_from <= text.Length && _program.TryFind(text, _from, _work, out var start, out var end))
        {
            if (start == end && end == _lastEnd)
            {
                var length = 1;
                if (_from < text.Length)
                {
                    _ = CodePoints.Read(text, _from, out length);
                }

                _from += length;
                continue;
            }

            (Start, End) = (start, end);
            _from = _lastEnd = end;
            return true;
        }

        return false;
    }

    public readonly void Dispose() => _work.Return();
}
