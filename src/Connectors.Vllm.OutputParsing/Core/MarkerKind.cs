namespace Connectors.Vllm.OutputParsing;

/// <summary>What a marker does.</summary>
[Flags]
internal enum MarkerKind
{
    None = 0,

    /// <summary>Begins a thought.</summary>
    ReasoningOpen = 1,

    /// <summary>Ends a thought.</summary>
    ReasoningClose = 2,

    /// <summary>Begins a block of calls.</summary>
    CallOpen = 4,

    /// <summary>Begins a block of calls, but only where the text of the answer begins.</summary>
    CallOpenAtStart = 8,

    /// <summary>Part of the format, without content.</summary>
    Drop = 16,

    /// <summary>A special token that no format claims.</summary>
    Special = 32,

    /// <summary>Ends calls where none are open: without content in an answer, but part of a thought that calls do not end.</summary>
    StrayCloser = 128,

    /// <summary>Begins a citation's tag in the text of an answer, which goes on with numbers up to <c>&gt;</c>; without content.</summary>
    Citation = 64,
}
