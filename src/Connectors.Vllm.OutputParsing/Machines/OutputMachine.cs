namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>The state machine behind an <see cref="OutputParser"/>.</summary>
internal abstract class OutputMachine
{
    /// <summary>True while inside a thought.</summary>
    public abstract bool IsReasoning { get; }

    /// <summary>
    /// Takes a piece; <paramref name="original"/> is the same text as a string where the caller has one, so that it can be passed on unchanged.
    /// </summary>
    public abstract void Push(ReadOnlySpan<char> text, string? original, int tokenId);

    /// <summary>Ends the output.</summary>
    public abstract void Finish(bool truncated);
}

/// <summary>What a machine is made from.</summary>
/// <param name="MarkerTokens">The format's markers that are one token of the vocabulary, by id.</param>
/// <param name="Options">What the request was.</param>
/// <param name="Writer">Where the machine's events go.</param>
internal sealed record MachineContext(IReadOnlyDictionary<int, string> MarkerTokens, OutputParserOptions Options, EventWriter Writer);
