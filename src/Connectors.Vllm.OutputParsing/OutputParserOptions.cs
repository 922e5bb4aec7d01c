using System.Text.Json;

namespace Connectors.Vllm.OutputParsing;

/// <summary>What an <see cref="OutputParser"/> must know about the request. Read when the parser is made; never changed by it.</summary>
public sealed class OutputParserOptions
{
    /// <summary>
    /// The end of the rendered prompt (some hundred characters are enough; the whole prompt is fine). It decides whether the output begins inside
    /// a thought. Null or without a marker: the output begins outside. Leave it null where a constraint without a thought of its own holds from the first
    /// token: then no thought can come, whatever the prompt ends with.
    /// </summary>
    public string? PromptTail { get; init; }

    /// <summary>The tools of the request. Their schemas type the values of XML-like formats.</summary>
    public IReadOnlyList<OutputTool> Tools { get; init; } = [];

    /// <summary>How free the model was to call. <see cref="OutputToolChoiceKind.None"/> suppresses calls.</summary>
    public OutputToolChoice ToolChoice { get; init; }

    /// <summary>The shape of the calls, as <see cref="OutputConstraintResult.CallShape"/> says.</summary>
    public CallShape CallShape { get; init; }

    /// <summary>False: only the first call comes out, the parser is then finished (<see cref="OutputParser.IsFinished"/>) and ignores the rest.</summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>Keyword arguments of the chat template (an object), such as <c>reasoning_effort</c>: some formats change their markers with them.</summary>
    public JsonElement? TemplateArguments { get; init; }

    /// <summary>Texts that end the output where they first occur.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Where stop strings are looked for.</summary>
    public StopStringScope StopStringScope { get; init; }

    /// <summary>True keeps the matched stop string at the end of the text; false (the default) removes it.</summary>
    public bool IncludeStopString { get; init; }

    /// <summary>
    /// Texts of the tokenizer's special tokens by id. What no format claims of them is dropped, after parsing. Pass the same instance for every
    /// request of a model: what is derived from it is cached with the format.
    /// </summary>
    public IReadOnlyDictionary<int, string>? SpecialTokens { get; init; }

    /// <summary>Makes call ids; null uses the shape the format wants.</summary>
    public CallIdGenerator? CallIds { get; init; }

    /// <summary>Ids of calls in the history; a new call never gets one of them.</summary>
    public IReadOnlySet<string>? ReservedCallIds { get; init; }

    /// <summary>Number of calls in the history, for formats that count calls over the conversation (Kimi K2).</summary>
    public int PriorCallCount { get; init; }

    /// <summary>What happens to closed calls without usable arguments.</summary>
    public MalformedCallPolicy MalformedCalls { get; init; }

    /// <summary>True: a call of a tool that is not in <see cref="Tools"/> comes out as text. Default false: it is handed out.</summary>
    public bool ValidateNames { get; init; }

    /// <summary>True adds <see cref="OutputEventKind.Markup"/> events, so that no character of the output goes unaccounted.</summary>
    public bool ReportMarkup { get; init; }
}
