namespace Connectors.Vllm.OutputParsing;

/// <summary>The state machine behind an <see cref="OutputParser"/>.</summary>
internal abstract class OutputMachine
{
    /// <summary>True while inside a thought.</summary>
    public abstract bool IsReasoning { get; }

    /// <summary>Takes a piece; <paramref name="original"/> is the same text as a string where the caller has one, so that it can be passed on unchanged.</summary>
    public abstract void Push(ReadOnlySpan<char> text, string? original, int tokenId);

    /// <summary>Ends the output.</summary>
    public abstract void Finish(bool truncated);
}
