using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The base class of the state machines of <see cref="OutputParser"/>, with their common parts: the buffer, the tokens and the validation of calls.
/// </summary>
internal abstract class OutputMachine(MachineContext context)
{
    /// <summary>True while inside reasoning.</summary>
    public abstract bool IsReasoning { get; }

    protected EventWriter Writer { get; } = context.Writer;

    protected OutputParserOptions Options { get; } = context.Options;

    protected ReaderContext Context { get; } = new(context.Options);

    /// <summary>The characters that no event has used up yet.</summary>
    protected TextBuffer Buffer { get; } = new();

    /// <summary>Where tokens that are markers or special stand.</summary>
    protected TokenMarks Marks { get; } = new();

    /// <summary>True when the token of the last piece is known: then only tokens are markers, where markers are tokens.</summary>
    protected bool IdsKnown { get; private set; }

    /// <summary>
    /// Adds a piece; <paramref name="original"/> is the same text as a string, if the caller has one, so that it can be passed on without a copy.
    /// </summary>
    public abstract void Push(ReadOnlySpan<char> text, string? original, int tokenId);

    /// <summary>Ends the output.</summary>
    public abstract void Finish(bool truncated);

    /// <summary>Notes the token that a piece ends with; true when it is a marker or a special token.</summary>
    protected bool MarkToken(ReadOnlySpan<char> text, int tokenId)
    {
        IdsKnown = tokenId >= 0;
        if (!IdsKnown
            || !(context.MarkerTokens.TryGetValue(tokenId, out var marker) || Options.SpecialTokens?.TryGetValue(tokenId, out marker) == true)
            || !text.EndsWith(marker, StringComparison.Ordinal))
        {
            return false;
        }

        Marks.Add(Buffer.Position + Buffer.Length + text.Length - marker!.Length, marker.Length);
        return true;
    }

    /// <summary>Whether a call is returned as a call or as text.</summary>
    protected bool Accepts(ParsedCall call, bool onlyDeclared = false) =>
        (call.Error is null || (Options.ReturnMalformedCalls && call.Name.Length > 0))
        && (!(onlyDeclared || Options.ValidateNames) || Context.MayBe(call.Name));
}

/// <summary>What a machine is made from.</summary>
/// <param name="MarkerTokens">The format's markers that are one token of the vocabulary, by id.</param>
/// <param name="Options">The options, which describe the request.</param>
/// <param name="Writer">Where the machine's events go.</param>
internal sealed record MachineContext(IReadOnlyDictionary<int, string> MarkerTokens, OutputParserOptions Options, EventWriter Writer);
