namespace Connectors.Vllm.OutputParsing;

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
