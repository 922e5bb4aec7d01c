using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads calls written as Python: <c>[name(key=literal, …), …]</c>, or a list of objects with name and arguments. The end of the list is found by
/// brackets outside of strings; then the list is read by recursive descent. Positional arguments make it no call.
/// </summary>
internal sealed class PythonicReader(PythonicSyntax syntax) : BlockReader
{
    private static readonly Transitions Table = new(
        nameof(PythonicReader),
        (nameof(Before), nameof(InList)),
        (nameof(InList), nameof(Behind)),
        (nameof(Behind), nameof(Calls)),
        (nameof(Calls), nameof(Calls)));

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener)
    {
        Position = opener is "[" && syntax.OpenerIsList ? 0 : Position;
        return new Before();
    }

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Before => ReadBefore(block, final),
        InList list => ReadList(list, block, final),
        Behind behind => ReadBehind(behind, block, final),
        _ => NextCall((Calls)state),
    };

    private ReadResult? ReadBefore(ReadOnlySpan<char> block, bool final)
    {
        var start = Lookahead.SkipSpace(block, Position);
        return CanBeList(block[start..], out var open) ? Go(new InList(Position)) : open && !final ? ReadResult.More : Reject(start);
    }

    /// <summary>Looks on for the end of the list (or, in lines, for the closer); strings may hold anything.</summary>
    private ReadResult? ReadList(InList list, ReadOnlySpan<char> block, bool final)
    {
        while (!list.Scanner.Advance(block) || syntax.Lines)
        {
            Position = list.Scanner.Position;
            if (list.Scanner.IsBroken && syntax.Lines)
            {
                var length = Lookahead.Prefix(block[Position..], syntax.Closers, out var open);
                if (length > 0)
                {
                    return Go(new Behind(list.Start));
                }

                if (open && !final)
                {
                    return ReadResult.More;
                }
            }
            else if (!list.Scanner.IsBroken && !list.Scanner.IsComplete)
            {
                // What was cut off is text as a whole: a string in it may quote calls.
                return ReadResult.More;
            }

            list.Scanner.Resume();
        }

        Position = list.Scanner.Position;
        return Go(new Behind(list.Start));
    }

    private ReadResult? ReadBehind(Behind behind, ReadOnlySpan<char> block, bool final)
    {
        var end = SkipCloser(block, Position, syntax.Closers, final);
        return end < 0 ? ReadResult.More
            : ReadCalls(block[behind.Start..Position], behind.Start, end) is { } calls ? Go(calls)
            : RejectOpener(Position);
    }

    private ReadResult NextCall(Calls calls)
    {
        var (call, length) = calls.All[calls.Next];
        return calls.Next + 1 == calls.All.Count ? ReadResult.LastCall(call, length) : Another(call, length, calls with { Next = calls.Next + 1 });
    }

    /// <summary>Whether the beginning allows a list of calls; <paramref name="open"/> when it is too short to say.</summary>
    private bool CanBeList(ReadOnlySpan<char> text, out bool open)
    {
        open = text.IsEmpty;
        if (syntax.Lines)
        {
            return !open;
        }

        if (open || text[0] != '[')
        {
            return false;
        }

        // A bounded look: a long run of space is not a list of calls.
        var inner = text[1..Math.Min(text.Length, 2 * Lookahead.MaxSpace)].TrimStart();
        open = inner.IsEmpty && text.Length < 2 * Lookahead.MaxSpace;
        if (inner.IsEmpty || inner[0] is '{' or ']')
        {
            return !inner.IsEmpty && !syntax.OpenerIsList;
        }

        var i = 0;
        while (i < inner.Length && i < 256 && (char.IsLetterOrDigit(inner[i]) || inner[i] is '_' or '.' or '-'))
        {
            i++;
        }

        open = i == inner.Length && i < 256;
        return !open && i < inner.Length && i > 0 && inner[i] == '(' && !char.IsAsciiDigit(inner[0]);
    }

    private static Calls? ReadCalls(ReadOnlySpan<char> list, int start, int end)
    {
        var i = Lookahead.SkipAllSpace(list, 0);
        var bracketed = i < list.Length && list[i] == '[';
        i = Lookahead.SkipAllSpace(list, bracketed ? i + 1 : i);
        var calls = new List<(ParsedCall Call, int Length)>();
        var used = 0;
        while (i < list.Length && list[i] != ']')
        {
            if ((list[i] == '{' ? ReadObject(list, ref i) : ReadCall(list, ref i)) is not { } call)
            {
                return null;
            }

            i = Lookahead.SkipAllSpace(list, i);
            i = i < list.Length && list[i] is ',' or ';' ? Lookahead.SkipAllSpace(list, i + 1) : i;
            calls.Add((call, start + i - used));
            used = start + i;
        }

        if (calls.Count == 0 || (bracketed && (i == list.Length || Lookahead.SkipAllSpace(list, i + 1) < list.Length)))
        {
            return null;
        }

        // The last call includes the closing markup.
        calls[^1] = (calls[^1].Call, calls[^1].Length + end - used);
        return new Calls(calls, 0);
    }

    /// <summary>A call as an object, of JSON or of Python.</summary>
    private static ParsedCall? ReadObject(ReadOnlySpan<char> list, ref int i)
    {
        var scanner = BracketScanner.At(i);
        if (scanner.Advance(list) && JsonCalls.FromObject(list[i..scanner.Position], JsonCallKeys.Usual) is { } call)
        {
            i = scanner.Position;
            return call;
        }

        var json = new StringBuilder();
        return PythonLiteral.TryRead(list, ref i, json) ? JsonCalls.FromObject(json.ToString(), JsonCallKeys.Usual) : null;
    }

    private static ParsedCall? ReadCall(ReadOnlySpan<char> list, ref int i)
    {
        var start = i;
        while (i < list.Length && (char.IsLetterOrDigit(list[i]) || list[i] is '_' or '.' or '-'))
        {
            i++;
        }

        var name = list[start..i].ToString();
        i = Lookahead.SkipAllSpace(list, i);
        if (name.Length == 0 || i >= list.Length || list[i] != '(')
        {
            return null;
        }

        var arguments = new ArgumentsWriter();
        for (i = Lookahead.SkipAllSpace(list, i + 1); i < list.Length && list[i] != ')'; i = Lookahead.SkipAllSpace(list, i))
        {
            var keyStart = i;
            while (i < list.Length && (char.IsLetterOrDigit(list[i]) || list[i] is '_' or '-'))
            {
                i++;
            }

            var key = list[keyStart..i].ToString();
            i = Lookahead.SkipAllSpace(list, i);
            if (key.Length == 0 || i >= list.Length || list[i] != '=')
            {
                return null;
            }

            i++;
            var json = new StringBuilder();
            if (!PythonLiteral.TryRead(list, ref i, json))
            {
                return null;
            }

            arguments.Set(key, json.ToString());
            i = Lookahead.SkipAllSpace(list, i);
            if (i < list.Length && list[i] == ',')
            {
                i++;
            }
            else if (i >= list.Length || list[i] != ')')
            {
                return null;
            }
        }

        return i++ < list.Length ? ParsedCall.Of(name, arguments.ToJson()) : null;
    }

    /// <summary>After the opening marker.</summary>
    private sealed record Before : BlockState;

    /// <summary>In the list, which begins at <paramref name="Start"/>.</summary>
    private sealed record InList(int Start) : BlockState
    {
        public BracketScanner Scanner = BracketScanner.OfPythonAt(Start);

        public override bool HoldsValue => true;
    }

    /// <summary>After the list.</summary>
    private sealed record Behind(int Start) : BlockState;

    /// <summary>The list was read: its calls go out one by one.</summary>
    private sealed record Calls(IReadOnlyList<(ParsedCall Call, int Length)> All, int Next) : BlockState;
}

/// <summary>How calls stand as Python.</summary>
internal sealed record PythonicSyntax
{
    /// <summary>Markers after the calls; they may be missing where the calls are a list.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>True when the opener is the bracket of the list itself.</summary>
    public bool OpenerIsList { get; init; }

    /// <summary>True: calls stand in lines of their own up to the closer, without a list.</summary>
    public bool Lines { get; init; }
}
