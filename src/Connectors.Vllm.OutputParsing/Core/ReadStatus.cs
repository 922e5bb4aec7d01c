namespace Connectors.Vllm.OutputParsing;

/// <summary>See <see cref="ReadResult"/>.</summary>
internal enum ReadStatus
{
    More,
    CallThenMore,
    LastCall,
    End,
    Reject,
}
