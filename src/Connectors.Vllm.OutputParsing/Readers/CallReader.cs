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

    /// <summary>Goes on; <paramref name="final"/> says that no more characters will come.</summary>
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

    /// <summary>One call; the block goes on behind it.</summary>
    public static ReadResult CallThenMore(ParsedCall call, int length) => new(ReadStatus.CallThenMore, length, call, 0);

    /// <summary>One call, and the end of the block.</summary>
    public static ReadResult LastCall(ParsedCall call, int length) => new(ReadStatus.LastCall, length, call, 0);

    /// <summary>The end of the block: <paramref name="length"/> characters of closing markup.</summary>
    public static ReadResult End(int length) => new(ReadStatus.End, length, null, 0);

    /// <summary>No call: the first <paramref name="length"/> characters are text, and reading goes on behind them.</summary>
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

    /// <summary>True when a call of this name may be one: it is declared, or nothing is known of the tools.</summary>
    public bool MayBe(string name) => _tools.Count == 0 || _tools.ContainsKey(name);

    /// <summary>True when the name is known to be declared.</summary>
    public bool IsDeclared(string name) => _tools.ContainsKey(name);

    /// <summary>The schema of a tool's arguments; one that knows nothing for an unknown tool.</summary>
    public ToolSchema Schema(string name) => _tools.GetValueOrDefault(name) ?? ToolSchema.Unknown;
}
