using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>An instruction; <see cref="RegexOp"/> determines which fields are used.</summary>
internal readonly struct RegexInstruction(
    RegexOp op, CodePointSet? set = null, int target = 0, int min = 0, int max = 0, byte[]? literal = null, int[]? jumps = null)
{
    public RegexOp Op { get; } = op;

    public int Target { get; } = target;

    public int Min { get; } = min;

    /// <summary>The maximum; -1 for no limit.</summary>
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

    /// <summary>Jumps to Target.</summary>
    Jump,

    /// <summary>Jumps to the branch in Jumps for the next character; continues if it is not ASCII, or at the end.</summary>
    Dispatch,

    /// <summary>Continues, and jumps to Target if that fails; jumps directly to Target if the next code point is not in the set.</summary>
    Branch,

    /// <summary>Jumps to Target, and continues if that fails and the next code point is in the set.</summary>
    BranchLazy,

    /// <summary>Stores the position in register Min.</summary>
    Mark,

    /// <summary>Jumps to Target if nothing was matched since <see cref="Mark"/> of register Min (ends loops over empty matches).</summary>
    JumpIfEmpty,

    /// <summary>Matches the following sub-program without backtracking into it; continues at Target.</summary>
    Atomic,

    /// <summary>Look-ahead with the following sub-program; continues at Target.</summary>
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

    /// <summary>The start of the search (<c>\G</c>).</summary>
    SearchStart,

    /// <summary>A word boundary (<c>\b</c>).</summary>
    WordBoundary,

    /// <summary>Not a word boundary (<c>\B</c>).</summary>
    NotWordBoundary,
}
