using System.Globalization;
using System.Text;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>Compiles a parsed pattern to instructions.</summary>
internal sealed class RegexCompiler
{
    /// <summary>Counted groups are unrolled; a pattern beyond this size is refused.</summary>
    private const int MaxInstructions = 50_000;

    /// <summary>Alternations of at least this many branches choose by the next character.</summary>
    private const int MinDispatchBranches = 3;

    private readonly List<RegexInstruction> _code = [];
    private readonly string _pattern;
    private int _registers;

    private RegexCompiler(string pattern) => _pattern = pattern;

    /// <exception cref="TokenizerException">The pattern is malformed, too large, or uses an unsupported feature.</exception>
    public static RegexProgram Compile(string pattern)
    {
        return Compile(pattern, RegexParser.Parse(pattern));
    }

    /// <summary>The pattern of the pre-tokenizer Whitespace, <c>\w+|[^\w\s]+</c>, with the word characters of the Rust engine.</summary>
    public static RegexProgram CompileWords()
    {
        var word = UnicodeSets.RustWord;
        return Compile(@"\w+|[^\w\s]+", new RegexNode.Choice(
        [
            new RegexNode.Repeat(new RegexNode.One(word), 1, -1, Lazy: false),
            new RegexNode.Repeat(new RegexNode.One(word.Union(UnicodeSets.WhiteSpace).Negate()), 1, -1, Lazy: false),
        ]));
    }

    private static RegexProgram Compile(string pattern, RegexNode root)
    {
        var compiler = new RegexCompiler(pattern);
        compiler.Emit(RegexOptimizer.Optimize(root));
        compiler.Add(new(RegexOp.Accept));
        return new RegexProgram(pattern, [.. compiler._code], compiler._registers, root.IsNullable ? null : root.First, root.MinLength == 0);
    }

    private int Add(RegexInstruction instruction)
    {
        if (_code.Count >= MaxInstructions)
        {
            throw new TokenizerException(string.Create(
                CultureInfo.InvariantCulture,
                $"the regular expression '{_pattern}' is too large: its repetitions expand to more than {MaxInstructions} steps"));
        }

        _code.Add(instruction);
        return _code.Count - 1;
    }

    private void Emit(RegexNode node)
    {
        switch (node)
        {
            case RegexNode.One one:
                Add(one.Set.IsEmpty ? new(RegexOp.Fail) : new(RegexOp.One, one.Set));
                break;
            case RegexNode.Anchor anchor:
                Add(new(anchor.Kind));
                break;
            case RegexNode.Sequence sequence:
                EmitSequence(sequence);
                break;
            case RegexNode.Choice choice:
                EmitChoice(choice);
                break;
            case RegexNode.Repeat repeat:
                EmitRepeat(repeat);
                break;
            case RegexNode.Atomic { Body: RegexNode.Repeat { Body: RegexNode.One one, Lazy: false } loop }:
                Add(new(RegexOp.LoopPossessive, one.Set, min: loop.Min, max: loop.Max));
                break;
            case RegexNode.Atomic atomic:
                EmitSub(RegexOp.Atomic, atomic.Body);
                break;
            case RegexNode.Look look:
                EmitLook(look);
                break;
        }
    }

    private void EmitSequence(RegexNode.Sequence sequence)
    {
        var literal = new StringBuilder();
        for (var i = 0; i < sequence.Parts.Count; i++)
        {
            literal.Clear();
            var end = i;
            while (end < sequence.Parts.Count && sequence.Parts[end] is RegexNode.One { Set.Single: >= 0 and var single } && Rune.IsValid(single))
            {
                literal.Append(new Rune(single));
                end++;
            }

            if (end > i + 1)
            {
                Add(new(RegexOp.Literal, literal: Encoding.UTF8.GetBytes(literal.ToString())));
                i = end - 1;
            }
            else
            {
                Emit(sequence.Parts[i]);
            }
        }
    }

    private void EmitChoice(RegexNode.Choice choice)
    {
        var jumps = new List<int>();
        var starts = new List<int>();
        var dispatch = choice.Branches.Count >= MinDispatchBranches ? Add(default) : -1;
        for (var i = 0; i < choice.Branches.Count - 1; i++)
        {
            starts.Add(_code.Count);
            var branch = Add(default);
            Emit(choice.Branches[i]);
            jumps.Add(Add(default));
            _code[branch] = new(RegexOp.Branch, Gate(choice.Branches[i]), target: _code.Count);
        }

        starts.Add(_code.Count);
        Emit(choice.Branches[^1]);
        if (dispatch >= 0)
        {
            _code[dispatch] = new(RegexOp.Dispatch, jumps: Jumps(choice.Branches, starts));
        }

        foreach (var jump in jumps)
        {
            _code[jump] = new(RegexOp.Jump, target: _code.Count);
        }
    }

    /// <summary>Gets, for each ASCII character, the first branch that can begin with it (otherwise the last branch, which fails).</summary>
    private static int[] Jumps(IReadOnlyList<RegexNode> branches, List<int> starts)
    {
        var jumps = new int[128];
        for (var character = 0; character < jumps.Length; character++)
        {
            var branch = 0;
            while (branch < branches.Count - 1 && !branches[branch].IsNullable && !branches[branch].First.ContainsAscii(character))
            {
                branch++;
            }

            jumps[character] = starts[branch];
        }

        return jumps;
    }

    private void EmitRepeat(RegexNode.Repeat repeat)
    {
        if (repeat.Body is RegexNode.One one)
        {
            Add(new(repeat.Lazy ? RegexOp.LoopLazy : RegexOp.LoopGreedy, one.Set, min: repeat.Min, max: repeat.Max));
            return;
        }

        for (var i = 0; i < repeat.Min; i++)
        {
            Emit(repeat.Body);
        }

        var branchOp = repeat.Lazy ? RegexOp.BranchLazy : RegexOp.Branch;
        if (repeat.Max < 0)
        {
            var branch = Add(default);
            var register = repeat.Body.IsNullable ? _registers++ : -1;
            if (register >= 0)
            {
                Add(new(RegexOp.Mark, min: register));
            }

            Emit(repeat.Body);
            if (register >= 0)
            {
                Add(new(RegexOp.JumpIfEmpty, target: _code.Count + 2, min: register));
            }

            Add(new(RegexOp.Jump, target: branch));
            _code[branch] = new(branchOp, Gate(repeat.Body), target: _code.Count);
            return;
        }

        var branches = new List<int>();
        for (var i = repeat.Min; i < repeat.Max; i++)
        {
            branches.Add(Add(default));
            Emit(repeat.Body);
        }

        foreach (var branch in branches)
        {
            _code[branch] = new(branchOp, Gate(repeat.Body), target: _code.Count);
        }
    }

    private void EmitSub(RegexOp op, RegexNode body, int min = 0, int max = 0)
    {
        var start = Add(default);
        Emit(body);
        Add(new(RegexOp.Accept));
        _code[start] = new(op, target: _code.Count, min: min, max: max);
    }

    private void EmitLook(RegexNode.Look look)
    {
        if (!look.Behind)
        {
            EmitSub(look.Negative ? RegexOp.LookAheadNot : RegexOp.LookAhead, look.Body);
            return;
        }

        var longest = look.Body.MaxLength < 0 ? int.MaxValue : look.Body.MaxLength;
        EmitSub(look.Negative ? RegexOp.LookBehindNot : RegexOp.LookBehind, look.Body, look.Body.MinLength, longest);
    }

    private static CodePointSet? Gate(RegexNode node) => node.IsNullable ? null : node.First;
}
