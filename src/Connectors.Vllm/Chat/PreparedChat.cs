using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm;

/// <summary>One request, ready to be sent: what goes to the server, and what is needed to read the answer. Immutable.</summary>
internal sealed record PreparedChat
{
    public required string Prompt { get; init; }

    public required IReadOnlyList<Range> Content { get; init; }

    public required GenerationRequest Request { get; init; }

    /// <summary>How to parse each choice; null for raw completions, whose text is handed out as it is.</summary>
    public required OutputParserOptions ParserOptions { get; init; }

    public required OutputFormat Format { get; init; }

    public required string ModelId { get; init; }

    /// <summary>The constraint on the visible answer, checked when it is complete; null when the answer is free.</summary>
    public AnswerCheck? Check { get; init; }

    public bool DropReasoning { get; init; }

    public bool ReturnTokenIds { get; init; }

    public string RequestId => Request.RequestId!;

    public int ChoiceCount => Request.Sampling.ChoiceCount ?? 1;
}
