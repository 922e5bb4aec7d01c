using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>One instruction; which fields count is told by <see cref="RegexOp"/>.</summary>
internal readonly struct RegexInstruction(
    RegexOp op, CodePointSet? set = null, int target = 0, int min = 0, int max = 0, byte[]? literal = null, int[]? jumps = null)
{
    public RegexOp Op { get; } = op;

    public int Target { get; } = target;

    public int Min { get; } = min;

    /// <summary>-1 means without bound.</summary>
    public int Max { get; } = max;

    public CodePointSet? Set { get; } = set;

    public byte[]? Literal { get; } = literal;

    public int[]? Jumps { get; } = jumps;
}

/// <summary>Instructions of a compiled pattern.</summary>
internal enum RegexOp : byte
{
    /// <summary>The (sub-)pattern has matched.</summary>
    Accept,

    /// <summary>Fails.</summary>
    Fail,

    /// <summary>One code point of the set.</summary>
    One,

    /// <summary>These bytes.</summary>
    Literal,

    /// <summary>Min to Max code points of the set, as many as possible, then fewer.</summary>
    LoopGreedy,

    /// <summary>Min to Max code points of the set, as few as possible, then more.</summary>
    LoopLazy,

    /// <summary>Min to Max code points of the set, as many as possible and never fewer.</summary>
    LoopPossessive,

    /// <summary>Goes to Target.</summary>
    Jump,

    /// <summary>Goes to the branch that Jumps names for the next character; on here when it is not ASCII, or at the end.</summary>
    Dispatch,

    /// <summary>Goes on here, and at Target when that fails; straight to Target when the next code point is not in the set.</summary>
    Branch,

    /// <summary>Goes to Target, and on here when that fails and the next code point is in the set.</summary>
    BranchLazy,

    /// <summary>Remembers the position in register Min.</summary>
    Mark,

    /// <summary>Goes to Target when nothing was matched since <see cref="Mark"/> of register Min (ends loops over empty matches).</summary>
    JumpIfEmpty,

    /// <summary>Matches the sub-program after it without going back into it; goes on at Target.</summary>
    Atomic,

    /// <summary>Look-ahead over the sub-program after it; goes on at Target.</summary>
    LookAhead,

    /// <summary>Negative look-ahead.</summary>
    LookAheadNot,

    /// <summary>Look-behind over Min to Max code points.</summary>
    LookBehind,

    /// <summary>Negative look-behind.</summary>
    LookBehindNot,

    /// <summary>Start of a line (<c>^</c>).</summary>
    LineStart,

    /// <summary>End of a line (<c>$</c>).</summary>
    LineEnd,

    /// <summary>Start of the text (<c>\A</c>).</summary>
    TextStart,

    /// <summary>End of the text (<c>\z</c>).</summary>
    TextEnd,

    /// <summary>End of the text or before its last line break (<c>\Z</c>).</summary>
    TextEndOrLastBreak,

    /// <summary>Where the search began (<c>\G</c>).</summary>
    SearchStart,

    /// <summary>Word border (<c>\b</c>).</summary>
    WordBorder,

    /// <summary>No word border (<c>\B</c>).</summary>
    NotWordBorder,
}
