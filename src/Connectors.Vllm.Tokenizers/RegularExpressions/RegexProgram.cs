using System.Runtime.CompilerServices;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>
/// A compiled pattern with the semantics of the reference's regex engine (Oniguruma, Ruby syntax) over UTF-8. A backtracking matcher with its own
/// stack and a limit on its steps. Immutable and thread-safe; each call brings its own working memory.
/// </summary>
internal sealed class RegexProgram(string pattern, RegexInstruction[] code, int registers, CodePointSet? first, bool canBeEmpty)
{
    private readonly RegexInstruction[] _code = code;

    /// <summary>The source of the pattern.</summary>
    public string Pattern { get; } = pattern;

    public int Registers { get; } = registers;

    /// <summary>Finds the leftmost match that begins at <paramref name="from"/> or later. Look-behind includes the whole text.</summary>
    /// <exception cref="TokenizerException">The search needs more steps than <paramref name="work"/> allows.</exception>
    public bool TryFind(ReadOnlySpan<byte> text, int from, RegexWork work, out int start, out int end)
    {
        work.SearchStart = from;
        for (start = from; start <= text.Length;)
        {
            var length = 1;
            if (start < text.Length)
            {
                var codePoint = CodePoints.Read(text, start, out length);
                if (first is not null && !first.Contains(codePoint))
                {
                    start += length;
                    continue;
                }
            }
            else if (!canBeEmpty)
            {
                break;
            }

            end = Run(text, 0, start, -1, work);
            if (end >= 0)
            {
                return true;
            }

            start += length;
        }

        end = -1;
        return false;
    }

    /// <summary>Matches the (sub-)program from <paramref name="pc"/> on at <paramref name="position"/>.</summary>
    /// <returns>Where the match ends, or -1.</returns>
    /// <remarks>A single long loop with a switch, so that position and instruction stay in registers and a step costs no call.</remarks>
    private int Run(ReadOnlySpan<byte> text, int pc, int position, int mustEnd, RegexWork work)
    {
        var floor = work.Height;
        var code = _code;
        while (true)
        {
            work.Step(this);
            ref readonly var instruction = ref code[pc];
            var matched = true;
            switch (instruction.Op)
            {
                case RegexOp.Accept when mustEnd < 0 || position == mustEnd:
                    work.Height = floor;
                    return position;
                case RegexOp.Accept or RegexOp.Fail:
                    matched = false;
                    break;
                case RegexOp.One:
                    matched = IsNext(text, position, instruction.Set!, out var length);
                    position += length;
                    pc++;
                    break;
                case RegexOp.Literal:
                    matched = text[position..].StartsWith(instruction.Literal);
                    position += instruction.Literal!.Length;
                    pc++;
                    break;
                case RegexOp.LoopGreedy or RegexOp.LoopPossessive or RegexOp.LoopLazy:
                    matched = Loop(text, ref position, instruction, pc, work);
                    pc++;
                    break;
                case RegexOp.Jump:
                    pc = instruction.Target;
                    break;
                case RegexOp.Dispatch:
                    pc = (uint)position < (uint)text.Length && text[position] < 0x80 ? instruction.Jumps![text[position]] : pc + 1;
                    continue;
                case RegexOp.Branch or RegexOp.BranchLazy:
                    pc = Branch(text, position, instruction, pc, work);
                    break;
                case RegexOp.Mark:
                    work.Push(this, RegexWork.Restore, instruction.Min, work.Registers[instruction.Min], 0);
                    work.Registers[instruction.Min] = position;
                    pc++;
                    break;
                case RegexOp.JumpIfEmpty:
                    pc = work.Registers[instruction.Min] == position ? instruction.Target : pc + 1;
                    break;
                case RegexOp.Atomic:
                    position = Run(text, pc + 1, position, -1, work);
                    matched = position >= 0;
                    pc = instruction.Target;
                    break;
                case RegexOp.LookAhead or RegexOp.LookAheadNot:
                    matched = Run(text, pc + 1, position, -1, work) >= 0 == (instruction.Op == RegexOp.LookAhead);
                    pc = instruction.Target;
                    break;
                case RegexOp.LookBehind or RegexOp.LookBehindNot:
                    matched = LooksBack(text, pc, position, instruction, work) == (instruction.Op == RegexOp.LookBehind);
                    pc = instruction.Target;
                    break;
                default:
                    matched = IsAt(instruction.Op, text, position, work);
                    pc++;
                    break;
            }

            if (!matched && !Backtrack(text, floor, ref pc, ref position, work))
            {
                return -1;
            }
        }
    }

    /// <summary>Runs a loop over one set of characters; its backtracking points are pushed to the stack.</summary>
    private bool Loop(ReadOnlySpan<byte> text, ref int position, in RegexInstruction instruction, int pc, RegexWork work)
    {
        if (instruction.Op == RegexOp.LoopLazy)
        {
            var reached = SkipLeast(text, ref position, instruction.Set!, instruction.Min);
            if (reached && instruction.Max != instruction.Min)
            {
                var more = instruction.Max < 0 ? int.MaxValue : instruction.Max - instruction.Min;
                work.Push(this, RegexWork.TakeMore, pc, position, more);
            }

            return reached;
        }

        var least = position;
        var matched = Skip(text, ref position, instruction, work, ref least);
        if (matched && position > least && instruction.Op == RegexOp.LoopGreedy)
        {
            work.Push(this, RegexWork.GiveBack, pc + 1, position, least);
        }

        return matched;
    }

    /// <summary>Chooses the alternative to try first; the other one is pushed to the stack, unless the next character rules it out.</summary>
    private int Branch(ReadOnlySpan<byte> text, int position, in RegexInstruction instruction, int pc, RegexWork work)
    {
        if (instruction.Set is not null && !IsNext(text, position, instruction.Set, out _))
        {
            return instruction.Target;
        }

        var isLazy = instruction.Op == RegexOp.BranchLazy;
        work.Push(this, RegexWork.Resume, isLazy ? pc + 1 : instruction.Target, position, 0);
        return isLazy ? instruction.Target : pc + 1;
    }

    private bool Backtrack(ReadOnlySpan<byte> text, int floor, ref int pc, ref int position, RegexWork work)
    {
        while (work.Height > floor)
        {
            ref var frame = ref work.Top;
            switch (frame.Kind)
            {
                case RegexWork.Restore:
                    work.Registers[frame.Pc] = frame.Position;
                    work.Height--;
                    continue;
                case RegexWork.GiveBack:
                    _ = CodePoints.ReadBefore(text, frame.Position, out var length);
                    frame.Position -= length;
                    pc = frame.Pc;
                    position = frame.Position;
                    work.Height -= frame.Position <= frame.Extra ? 1 : 0;
                    return true;
                case RegexWork.TakeMore:
                    if (!IsNext(text, frame.Position, _code[frame.Pc].Set!, out length))
                    {
                        work.Height--;
                        continue;
                    }

                    frame.Position += length;
                    pc = frame.Pc + 1;
                    position = frame.Position;
                    work.Height -= --frame.Extra == 0 ? 1 : 0;
                    return true;
                default:
                    pc = frame.Pc;
                    position = frame.Position;
                    work.Height--;
                    return true;
            }
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsNext(ReadOnlySpan<byte> text, int position, CodePointSet set, out int length)
    {
        if ((uint)position < (uint)text.Length)
        {
            int value = text[position];
            if (value < 0x80)
            {
                length = 1;
                return set.ContainsAscii(value);
            }

            return set.Contains(CodePoints.Read(text, position, out length));
        }

        length = 0;
        return false;
    }

    private bool Skip(ReadOnlySpan<byte> text, ref int position, in RegexInstruction instruction, RegexWork work, ref int least)
    {
        var set = instruction.Set!;
        var count = 0;
        while (count != instruction.Max && IsNext(text, position, set, out var length))
        {
            position += length;
            if (++count <= instruction.Min)
            {
                least = position;
            }
        }

        work.Steps(this, count >> 3);
        return count >= instruction.Min;
    }

    private static bool SkipLeast(ReadOnlySpan<byte> text, ref int position, CodePointSet set, int min)
    {
        for (var i = 0; i < min; i++)
        {
            if (!IsNext(text, position, set, out var length))
            {
                return false;
            }

            position += length;
        }

        return true;
    }

    private bool LooksBack(ReadOnlySpan<byte> text, int pc, int position, in RegexInstruction instruction, RegexWork work)
    {
        var start = position;
        for (var count = 0; count <= instruction.Max; count++)
        {
            if (count >= instruction.Min && Run(text, pc + 1, start, position, work) >= 0)
            {
                return true;
            }

            if (start == 0)
            {
                break;
            }

            _ = CodePoints.ReadBefore(text, start, out var length);
            start -= length;
        }

        return false;
    }

    private static bool IsAt(RegexOp anchor, ReadOnlySpan<byte> text, int position, RegexWork work) => anchor switch
    {
        RegexOp.LineStart => position == 0 || (text[position - 1] == '\n' && position < text.Length),
        RegexOp.LineEnd => position == text.Length || text[position] == '\n',
        RegexOp.TextStart => position == 0,
        RegexOp.TextEnd => position == text.Length,
        RegexOp.TextEndOrLastBreak => position == text.Length || (position == text.Length - 1 && text[position] == '\n'),
        RegexOp.SearchStart => position == work.SearchStart,
        RegexOp.WordBoundary => IsWordBorder(text, position),
        _ => !IsWordBorder(text, position),
    };

    private static bool IsWordBorder(ReadOnlySpan<byte> text, int position)
    {
        var before = position > 0 && UnicodeSets.Word.Contains(CodePoints.ReadBefore(text, position, out _));
        var after = position < text.Length && UnicodeSets.Word.Contains(CodePoints.Read(text, position, out _));
        return before != after;
    }
}
