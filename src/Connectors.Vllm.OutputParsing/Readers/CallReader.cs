using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads the calls of one block of markup. It sees all characters of the block that are not yet used up and keeps positions into them, so that no
/// character is looked at again because more arrived; positions count from the block's start, and from 0 again after each call.
/// </summary>
internal abstract class CallReader
{
    /// <summary>Starts a block that begins with <paramref name="openerLength"/> characters of marker.</summary>
    public abstract void Begin(ReadOnlySpan<char> opener, int openerLength);

    /// <summary>Continues reading; <paramref name="final"/> means that no more characters will follow.</summary>
    public abstract ReadResult Read(ReadOnlySpan<char> block, bool final);
}

/// <summary>What a <see cref="CallReader"/> made of a block so far.</summary>
internal readonly struct ReadResult
{
    private ReadResult(ReadStatus status, int length, ParsedCall? call, int examined)
    {
        Status = status;
        Length = length;
        Call = call;
        Examined = examined;
    }

    public ReadStatus Status { get; }

    /// <summary>Characters the result covers, from the block's start.</summary>
    public int Length { get; }

    public ParsedCall? Call { get; }

    /// <summary>For a rejection: how far the reader had looked; bounds the work of looking again.</summary>
    public int Examined { get; }

    /// <summary>More characters are needed. Never returned at the end of the output.</summary>
    public static ReadResult More => default;

    /// <summary>A call, after which the block continues.</summary>
    public static ReadResult CallThenMore(ParsedCall call, int length) => new(ReadStatus.CallThenMore, length, call, 0);

    /// <summary>One call, and the end of the block.</summary>
    public static ReadResult LastCall(ParsedCall call, int length) => new(ReadStatus.LastCall, length, call, 0);

    /// <summary>The end of the block: <paramref name="length"/> characters of closing markup.</summary>
    public static ReadResult End(int length) => new(ReadStatus.End, length, null, 0);

    /// <summary>Not a call: the first <paramref name="length"/> characters are text, and reading continues after them.</summary>
    public static ReadResult Reject(int length, int examined) => new(ReadStatus.Reject, length, null, examined);
}

/// <summary>See <see cref="ReadResult"/>.</summary>
internal enum ReadStatus
{
    More,
    CallThenMore,
    LastCall,
    End,
    Reject,
}

/// <summary>A call as a reader found it.</summary>
/// <param name="Name">The function's name, complete.</param>
/// <param name="Arguments">JSON text of the arguments object; what the model wrote where <paramref name="Error"/> is set.</param>
/// <param name="Id">The id the model wrote; null when the format has none.</param>
/// <param name="Error">Why the call must not run; null for a good call.</param>
internal sealed record ParsedCall(string Name, string Arguments, string? Id, string? Error)
{
    /// <summary>A call with the JSON text of its arguments object.</summary>
    public static ParsedCall Of(string name, string arguments, string? id = null) => JsonText.IsTooDeep(arguments)
        ? Malformed(name, arguments, $"The arguments are nested deeper than {JsonText.MaxDepth}.", id)
        : new(JsonText.WellFormed(name), arguments, id is null ? null : JsonText.WellFormed(id), null);

    /// <summary>A call that must not run.</summary>
    public static ParsedCall Malformed(string name, ReadOnlySpan<char> written, string error, string? id = null) =>
        new(JsonText.WellFormed(name), written.ToString(), id is null ? null : JsonText.WellFormed(id), error);
}

/// <summary>What the readers of one output share: the tools by name.</summary>
internal sealed class ReaderContext
{
    private readonly Dictionary<string, ToolSchema> _tools = new(StringComparer.Ordinal);

    public ReaderContext(OutputParserOptions options)
    {
        Options = options;
        foreach (var tool in options.Tools)
        {
            _tools[tool.Name] = new ToolSchema(tool.Parameters);
        }
    }

    public OutputParserOptions Options { get; }

    /// <summary>The declared names.</summary>
    public IEnumerable<string> ToolNames => _tools.Keys;

    /// <summary>Whether a call with this name is possible: the tool is declared, or the tools are unknown.</summary>
    public bool MayBe(string name) => _tools.Count == 0 || _tools.ContainsKey(name);

    /// <summary>True when the name is known to be declared.</summary>
    public bool IsDeclared(string name) => _tools.ContainsKey(name);

    /// <summary>Gets the schema of a tool's arguments; an empty one for an unknown tool.</summary>
    public ToolSchema Schema(string name) => _tools.GetValueOrDefault(name) ?? ToolSchema.Unknown;
}

/// <summary>The state of a reader. Each state contains only its own data, so that data of one state cannot be used in another.</summary>
internal abstract record BlockState
{
    /// <summary>True where a part of a value was read: then all of it is text when no call comes of it, for a value may quote calls.</summary>
    public virtual bool HoldsValue => false;

    /// <summary>Before a call: what opens it is looked for.</summary>
    internal sealed record Open : BlockState;

    /// <summary>In a call's header, which begins at <paramref name="Start"/>.</summary>
    internal sealed record Header(int Start) : BlockState;

    /// <summary>In a call whose name is known, between its values.</summary>
    internal sealed record Body(CallDraft Call) : BlockState
    {
        public override bool HoldsValue => Call.Arguments.Count > 0;
    }

    /// <summary>In one of a call's values, which begins at <paramref name="Start"/>.</summary>
    /// <param name="Call">The call so far.</param>
    /// <param name="Key">The argument's name.</param>
    /// <param name="Type">The type of the value as written by the model; null for none.</param>
    /// <param name="Start">Where the value begins.</param>
    internal sealed record InValue(CallDraft Call, string Key, string? Type, int Start) : BlockState
    {
        /// <summary>The calls of the same format that the value quotes and that are open at the position reached, the innermost last.</summary>
        public List<string> Quoted { get; } = [];

        /// <summary>Values that may begin inside of this one, if its closer is missing: where this one ends then, their keys and starts.</summary>
        public List<(int End, string Key, int Start)> Others { get; } = [];

        public override bool HoldsValue => true;
    }

    /// <summary>In JSON that is all of a call's arguments (or the call itself), which begins at <paramref name="Start"/>.</summary>
    internal sealed record InJson(CallDraft Call, int Start) : BlockState
    {
        /// <summary>How far the JSON was looked at.</summary>
        public BracketScanner Scanner = BracketScanner.At(Start);

        public override bool HoldsValue => true;
    }

    /// <summary>After a complete call, which may be followed by its closing marker and another call.</summary>
    internal sealed record Close(ParsedCall Call) : BlockState;
}

/// <summary>A call whose name is known and whose arguments are being read.</summary>
internal sealed class CallDraft(string name, ToolSchema schema, string? id = null)
{
    public string Name => name;

    public ToolSchema Schema => schema;

    public string? Id => id;

    public ArgumentsWriter Arguments { get; } = new();

    public ParsedCall ToCall() => ParsedCall.Of(name, Arguments.ToJson(), id);
}

/// <summary>
/// The loop that all formats with a header and values share: what opens a call, its header, its body, a value, what closes it. A step of a format
/// looks at one state and either goes to the next or says what came of the block. Recovering is done here, too: what is not a call is text after
/// its opener and read again, but what was cut off behind the beginning of a value is text as a whole, for nothing that stands in a value may
/// ever run.
/// </summary>
internal abstract class BlockReader : CallReader
{
    private int _openerLength;
    private BlockState _state = new BlockState.Open();

    /// <summary>The transitions the format makes.</summary>
    public abstract Transitions Transitions { get; }

    /// <summary>How far the block was read.</summary>
    protected int Position { get; set; }

    /// <summary>Where the opener ends.</summary>
    protected int Start => _openerLength;

    public sealed override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = Position = openerLength;
        _state = First(opener);
    }

    public sealed override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            if (Step(_state, block, final) is { } result)
            {
                return final && result.Status == ReadStatus.More ? Reject(block.Length) : result;
            }
        }
    }

    /// <summary>The state after an opener.</summary>
    protected virtual BlockState First(ReadOnlySpan<char> opener) => new BlockState.Open();

    /// <summary>
    /// Does what can be done in a state: null after <see cref="Go"/>, else what came of the block. <see cref="ReadResult.More"/> is always allowed;
    /// where no more can come it is a rejection.
    /// </summary>
    protected abstract ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final);

    /// <summary>Moves to the next angle bracket; false if there is none yet.</summary>
    protected bool SeekBracket(ReadOnlySpan<char> block)
    {
        var next = block[Position..].IndexOf('<');
        Position = next < 0 ? block.Length : Position + next;
        return next >= 0;
    }

    /// <summary>Changes the state.</summary>
    protected ReadResult? Go(BlockState next)
    {
        Transitions.Observe(_state, next);
        _state = next;
        return null;
    }

    /// <summary>What came of a complete call: another one begins after it, its section ends, or neither.</summary>
    /// <param name="close">The call.</param>
    /// <param name="block">The block.</param>
    /// <param name="callOpen">The marker of another call.</param>
    /// <param name="behind">That marker, and those that end the section.</param>
    /// <param name="final">True when no more characters will come.</param>
    protected ReadResult ReadClose(BlockState.Close close, ReadOnlySpan<char> block, string callOpen, string[] behind, bool final)
    {
        var at = Lookahead.SkipSpace(block, Position);
        var length = Lookahead.Prefix(block[at..], behind, out var open);
        if (length == 0)
        {
            var mayFollow = !final && (open || at == block.Length) && at - Position < Lookahead.MaxSpace;
            return mayFollow ? ReadResult.More : ReadResult.LastCall(close.Call, Position);
        }

        return block[at..].StartsWith(callOpen, StringComparison.Ordinal) ? Another(close.Call, at) : ReadResult.LastCall(close.Call, at + length);
    }

    /// <summary>A call that another one follows, which begins at <paramref name="length"/>.</summary>
    protected ReadResult Another(ParsedCall call, int length, BlockState? next = null)
    {
        (_openerLength, Position) = (0, 0);
        Go(next ?? new BlockState.Open());
        return ReadResult.CallThenMore(call, length);
    }

    /// <summary>
    /// No call: the opener is text, and reading goes on after it, or after <paramref name="length"/> characters. With a value, all that was
    /// looked at is text.
    /// </summary>
    protected ReadResult Reject(int examined, int length = 0) =>
        _state.HoldsValue ? ReadResult.Reject(Math.Max(examined, 1), examined) : RejectOpener(examined, length);

    /// <summary>The same where a value holds no call: reading goes on after the opener in any case.</summary>
    protected ReadResult RejectOpener(int examined, int length = 0) =>
        ReadResult.Reject(Math.Max(Math.Max(_openerLength, length), 1), examined);

    /// <summary>
    /// End of a closer at a position or after space; the position itself when there is none, -1 when more characters are needed to know.
    /// </summary>
    protected static int SkipCloser(ReadOnlySpan<char> block, int position, IReadOnlyList<string> closers, bool final)
    {
        var at = Lookahead.SkipSpace(block, position);
        var length = Lookahead.Prefix(block[at..], closers, out var open);
        return length > 0 ? at + length : open && !final && at - position < Lookahead.MaxSpace ? -1 : position;
    }

    /// <summary>Whether there is only white space between the opening marker and a position.</summary>
    protected bool IsEmptyUpTo(ReadOnlySpan<char> block, int position) => block[_openerLength..position].IsWhiteSpace();
}

/// <summary>The transitions a machine may make; tests watch that each is made and no other.</summary>
/// <param name="machine">The machine's name.</param>
/// <param name="legal">Pairs of the names of states.</param>
internal sealed class Transitions(string machine, params (string From, string To)[] legal)
{
    /// <summary>Sees every transition of this thread; for tests.</summary>
    [ThreadStatic]
    internal static Action<Transitions, string, string>? Observer;

    public string Machine => machine;

    public IReadOnlyList<(string From, string To)> Legal => legal;

    public void Observe<TState>(TState from, TState to)
        where TState : notnull => Observer?.Invoke(this, NameOf(from), NameOf(to));

    private static string NameOf(object state) => state is Enum ? state.ToString()! : state.GetType().Name;
}
