namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads blocks whose body is JSON: one object, several, or an array of objects. The end of a body is found by JSON's own rules, so a closing
/// marker inside a string does not end the call.
/// </summary>
internal sealed class JsonBodyReader(ReaderContext context, JsonBodySyntax syntax) : BlockReader
{
    private static readonly Transitions Table = new(
        nameof(JsonBodyReader),
        (nameof(Before), nameof(Before)), (nameof(Before), nameof(InObject)),
        (nameof(InObject), nameof(Behind)),
        (nameof(Behind), nameof(Before)));

    public override Transitions Transitions => Table;

    // An opener may end with the array's bracket.
    protected override BlockState First(ReadOnlySpan<char> opener)
    {
        Position = syntax.OpenerIsJson && opener is "{" or "[" ? 0 : Position;
        return new Before(InArray: opener.Length > 1 && opener[^1] == '[', IsFirst: true);
    }

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Before before => ReadBefore(before, block, final),
        InObject body => ReadObject(body, block, final),
        _ => ReadBehind((Behind)state, block, final),
    };

    private ReadResult? ReadBefore(Before before, ReadOnlySpan<char> block, bool final)
    {
        while (Position < block.Length
            && (char.IsWhiteSpace(block[Position]) || (!before.IsFirst && syntax.Separators.Contains(block[Position]))))
        {
            Position++;
        }

        if (Position == block.Length)
        {
            return ReadResult.More;
        }

        switch (block[Position])
        {
            case '{':
                return Go(new InObject(before, Position));
            case '[' when before is { InArray: false, IsFirst: true }:
                Position++;
                return Go(before with { InArray = true });
            case ']' when before.InArray:
                // An empty list of calls.
                var closer = SkipCloser(block, Position + 1, syntax.Closers, final);
                return closer < 0 ? ReadResult.More : ReadResult.End(closer);
        }

        var preamble = Lookahead.Prefix(block[Position..], syntax.Preambles, out var open);
        Position += preamble;
        return preamble > 0 ? null : open && !final ? ReadResult.More : Reject(Position);
    }

    private ReadResult? ReadObject(InObject body, ReadOnlySpan<char> block, bool final)
    {
        // What is an answer for certain is one whether or not it is complete yet.
        var isComplete = body.Scanner.Advance(block);
        var json = block[body.Start..body.Scanner.Position];
        if (syntax.MayBeAnswer && body.Before.IsFirst && JsonAnswer.IsCertain(json, context))
        {
            return RejectOpener(body.Start + 1);
        }

        if (!isComplete)
        {
            return body.Scanner.IsBroken ? ReadBroken(body, block, final) : ReadResult.More;
        }

        Position = body.Scanner.Position;
        var call = JsonCalls.FromObject(json, syntax.Keys);
        return call is null && syntax.MayBeAnswer ? RejectOpener(Position)
            : Go(new Behind(body.Before.InArray, call ?? Malformed(json, "The block is not a JSON object with a name and arguments.")));
    }

    /// <summary>Called after a complete object: the block ends or continues.</summary>
    private ReadResult ReadBehind(Behind behind, ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.SkipSpace(block, Position);
        if (at == block.Length && !final && at - Position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        var closesArray = false;
        if (behind.InArray)
        {
            if (block[at..] is [',' or '{', ..])
            {
                return Another(behind.Call, block[at] == ',' ? at + 1 : at, new Before(InArray: true, IsFirst: false));
            }

            closesArray = block[at..] is [']', ..];
            at += closesArray ? 1 : 0;
        }
        else if (syntax.Repeats)
        {
            var next = at;
            while (next < block.Length && syntax.Separators.Contains(block[next]))
            {
                next++;
            }

            next = Lookahead.SkipSpace(block, next);
            if (block[next..] is ['{', ..])
            {
                return Another(behind.Call, next, new Before(InArray: false, IsFirst: false));
            }

            if (next == block.Length && next > at && !final)
            {
                return ReadResult.More;
            }
        }

        var end = SkipCloser(block, at, syntax.Closers, final);
        return end < 0 ? ReadResult.More : ReadResult.LastCall(behind.Call, end > at || closesArray ? end : Position);
    }

    /// <summary>Something that is not JSON came where the object should go on: it may lack its last braces before the closer.</summary>
    private ReadResult ReadBroken(InObject body, ReadOnlySpan<char> block, bool final)
    {
        var end = body.Scanner.Position;
        var length = Lookahead.Prefix(block[end..], syntax.Closers, out var open);
        if (length == 0)
        {
            return open && !final ? ReadResult.More : Reject(end);
        }

        var json = block[body.Start..end].TrimEnd();
        var repaired = body.Scanner.Depth is > 0 and < 4 && !body.Before.InArray
            ? JsonCalls.FromObject(string.Concat(json, new string('}', body.Scanner.Depth)), syntax.Keys)
            : null;
        return ReadResult.LastCall(repaired ?? Malformed(json, "The block is not valid JSON."), end + length);
    }

    private ParsedCall Malformed(ReadOnlySpan<char> json, string error) => ParsedCall.Malformed(JsonCalls.NameIn(json, syntax.Keys), json, error);

    /// <summary>Before an object of an array or of none.</summary>
    /// <param name="InArray">In an array.</param>
    /// <param name="IsFirst">Before the block's first object.</param>
    private sealed record Before(bool InArray, bool IsFirst) : BlockState;

    /// <summary>In an object.</summary>
    private sealed record InObject(Before Before, int Start) : BlockState
    {
        public BracketScanner Scanner = BracketScanner.At(Start);

        public override bool HoldsValue => true;
    }

    /// <summary>After an object that is a call.</summary>
    private sealed record Behind(bool InArray, ParsedCall Call) : BlockState;
}

/// <summary>How JSON calls stand in a block.</summary>
internal sealed record JsonBodySyntax
{
    /// <summary>The keys of a call.</summary>
    public JsonCallKeys Keys { get; init; } = JsonCallKeys.Usual;

    /// <summary>Markers that end the block; none when the JSON ends it. A missing closer is tolerated.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>Texts that may stand between the opener and the JSON.</summary>
    public IReadOnlyList<string> Preambles { get; init; } = [];

    /// <summary>Characters that may stand between several objects of a block without an array.</summary>
    public string Separators { get; init; } = "";

    /// <summary>True when several objects may follow each other in one block, without an array.</summary>
    public bool Repeats { get; init; }

    /// <summary>True when the opener itself is the beginning of the JSON.</summary>
    public bool OpenerIsJson { get; init; }

    /// <summary>True when a block without a call in it is an answer in JSON: let it go as soon as its first key shows that.</summary>
    public bool MayBeAnswer { get; init; }
}

/// <summary>Detects early that JSON at the start of an output is an answer and not a call, so that it can be streamed.</summary>
internal static class JsonAnswer
{
    /// <summary>True when the first key of the object is none a call has, or is <c>name</c> with a value that no declared tool has.</summary>
    public static bool IsCertain(ReadOnlySpan<char> json, ReaderContext context)
    {
        var rest = json[1..Math.Min(json.Length, 1024)].TrimStart();
        if (!TryString(ref rest, out var key))
        {
            return !rest.IsEmpty && rest[0] != '"';
        }

        if (key is not ("name" or "parameters" or "arguments" or "type" or "function" or "id"))
        {
            return true;
        }

        if (key is not "name" || rest.TrimStart() is not [':', .. var value])
        {
            return false;
        }

        value = value.TrimStart();
        return TryString(ref value, out var name) && !name.Contains('\\') && !context.MayBe(name.ToString());
    }

    private static bool TryString(ref ReadOnlySpan<char> text, out ReadOnlySpan<char> content)
    {
        content = default;
        if (text.IsEmpty || text[0] != '"')
        {
            return false;
        }

        // Keys and names are short; a longer string is decided by the complete object.
        var window = text[1..Math.Min(text.Length, 256)];
        var end = window.IndexOf('"');
        if (end < 0)
        {
            return false;
        }

        content = window[..end];
        text = text[(end + 2)..];
        return true;
    }
}

/// <summary>Reads an answer that consists of the arguments of the tool that the request named.</summary>
internal sealed class NamedArgumentsReader(ReaderContext context) : CallReader
{
    private BracketScanner _scanner;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength) => _scanner = BracketScanner.At(0);

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (block[0] == '{' && _scanner.Advance(block))
        {
            var call = JsonCalls.FromArguments(context.Options.ToolChoice.Name!, block[.._scanner.Position]);
            return ReadResult.LastCall(call, _scanner.Position);
        }

        return final || block[0] != '{' || _scanner.IsBroken ? ReadResult.Reject(1, _scanner.Position) : ReadResult.More;
    }
}
