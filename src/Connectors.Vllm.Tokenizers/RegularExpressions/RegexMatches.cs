using System.Runtime.CompilerServices;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>
/// Enumerates the matches of a pattern in a text like the engine of the reference: an empty match directly after another match is skipped. The text
/// is passed to each step because this struct cannot store it.
/// </summary>
internal struct RegexMatches : IDisposable
{
    private readonly RegexProgram _program;
    private readonly RegexWork _work;
    private int _from;
    private int _lastEnd = -1;

    public RegexMatches(RegexProgram program, TextBudget budget)
    {
        _program = program;
        _work = RegexWork.Rent(program, budget);
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

/// <summary>Working memory of the regex matcher: the backtracking stack, registers, and the step budget. Not thread-safe.</summary>
internal sealed class RegexWork
{
    /// <summary>Frame: continue at Pc and Position.</summary>
    public const int Resume = 0;

    /// <summary>Frame: a greedy loop releases its last code point, down to position Extra.</summary>
    public const int GiveBack = 1;

    /// <summary>Frame: a lazy loop matches one more code point, at most Extra times.</summary>
    public const int TakeMore = 2;

    /// <summary>Frame: restore the value Position of register Pc.</summary>
    public const int Restore = 3;

    private const int MaxFrames = 4 << 20;
    private const int KeptFrames = 4096;

    [ThreadStatic]
    private static RegexWork? s_cached;

    private Frame[] _frames = new Frame[64];
    private TextBudget _budget = new();
    private int _steps;

    private RegexWork()
    {
    }

    public int Height { get; set; }

    public int[] Registers { get; private set; } = [];

    /// <summary>The start of the current search.</summary>
    public int SearchStart { get; set; }

    public ref Frame Top => ref _frames[Height - 1];

    /// <summary>Rents the working memory for searching one text; return it with <see cref="Return"/>.</summary>
    public static RegexWork Rent(RegexProgram program, TextBudget budget)
    {
        if (!budget.TrySpend(1))
        {
            throw TextBudget.BudgetExceeded("work", program.Pattern);
        }

        var work = s_cached ?? new RegexWork();
        s_cached = null;
        work.Height = 0;
        work._budget = budget;
        work._steps = 0;
        if (work.Registers.Length < program.Registers)
        {
            work.Registers = new int[program.Registers];
        }

        return work;
    }

    public void Return()
    {
        _budget.Note(_steps);
        if (_frames.Length > KeptFrames)
        {
            _frames = new Frame[64];
        }

        s_cached = this;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Push(RegexProgram program, int kind, int pc, int position, int extra)
    {
        if (Height == _frames.Length)
        {
            Grow(program);
        }

        _frames[Height++] = new Frame { Kind = kind, Pc = pc, Position = position, Extra = extra };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Step(RegexProgram program) => Steps(program, 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Steps(RegexProgram program, int count)
    {
        _steps += count;
        if (_steps > TextBudget.Portion)
        {
            SpendPortion(program);
        }
    }

    private void SpendPortion(RegexProgram program)
    {
        var steps = _steps;
        _steps = 0;
        if (!_budget.TrySpend(steps))
        {
            throw TextBudget.BudgetExceeded("work", program.Pattern);
        }
    }

    private void Grow(RegexProgram program)
    {
        if (_frames.Length >= MaxFrames)
        {
            throw TextBudget.BudgetExceeded("memory", program.Pattern);
        }

        Array.Resize(ref _frames, _frames.Length * 2);
    }

    /// <summary>A backtracking point.</summary>
    public struct Frame
    {
        public int Kind;
        public int Pc;
        public int Position;
        public int Extra;
    }
}
