using System.Text.Json;
using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing;

/// <summary>What an <see cref="OutputParser"/> must know about the request. Read when the parser is made; never changed by it.</summary>
public sealed class OutputParserOptions
{
    /// <summary>
    /// The end of the rendered prompt (some hundred characters are enough; the whole prompt is fine). It decides whether the output begins inside
    /// a thought. Null or without a marker: the output begins outside. Leave it null where a constraint without a thought of its own holds from
    /// the first token: then no thought can come, whatever the prompt ends with.
    /// </summary>
    public string? PromptTail { get; init; }

    /// <summary>The tools of the request. Their schemas type the values of XML-like formats.</summary>
    public IReadOnlyList<OutputTool> Tools { get; init; } = [];

    /// <summary>How free the model was to call. <see cref="OutputToolChoice.None"/> suppresses calls.</summary>
    public OutputToolChoice ToolChoice { get; init; }

    /// <summary>The shape of the calls, as the constraint of the request makes it.</summary>
    internal CallShape CallShape { get; init; }

    /// <summary>
    /// False: only the first call comes out, the parser is then finished (<see cref="OutputParser.IsFinished"/>) and ignores the rest.
    /// </summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>Texts that end the output where they first occur.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>
    /// True looks for stop strings in the reasoning too; false (the default) in the visible text only, so that none can cut the reasoning short.
    /// The markup of calls is never searched.
    /// </summary>
    public bool StopInReasoning { get; init; }

    /// <summary>True keeps the matched stop string at the end of the text; false (the default) removes it.</summary>
    public bool IncludeStopString { get; init; }

    /// <summary>
    /// Texts of the tokenizer's special tokens by id. What no format claims of them is dropped, after parsing. Pass the same instance for every
    /// request of a model: what is derived from it is cached with the format.
    /// </summary>
    public IReadOnlyDictionary<int, string>? SpecialTokens { get; init; }

    /// <summary>
    /// Creates call ids, which must be unique within the conversation, from the call's index within the output, the tool's name, and the id that the
    /// model wrote itself (null for most formats). Null, the default, creates ids of the shape that the format expects.
    /// </summary>
    public Func<int, string, string?, string>? CallIds { get; init; }

    /// <summary>Ids of calls in the history; a new call never gets one of them.</summary>
    public IReadOnlySet<string>? ReservedCallIds { get; init; }

    /// <summary>Number of calls in the history, for formats that count calls over the conversation (Kimi K2).</summary>
    public int PriorCallCount { get; init; }

    /// <summary>
    /// What becomes of a call that is closed but whose arguments are not a JSON object. False, the default: its raw text comes out as text, since a
    /// loop that invokes functions would otherwise invoke one with defaults for all parameters. True: the call comes out, with
    /// <see cref="OutputEvent.Error"/> at its end, for loops that tell the model what was wrong; a call without a readable name is text all the same.
    /// </summary>
    public bool ReturnMalformedCalls { get; init; }

    /// <summary>True: a call of a tool that is not in <see cref="Tools"/> comes out as text. Default false: it is handed out.</summary>
    public bool ValidateNames { get; init; }

    /// <summary>True adds <see cref="OutputEventKind.Markup"/> events, so that no character of the output goes unaccounted.</summary>
    public bool ReportMarkup { get; init; }
}

/// <summary>In which shape the calls of an output are written; follows from the constraint the request was sent with.</summary>
internal enum CallShape
{
    /// <summary>As the model's own format writes them.</summary>
    Native,

    /// <summary>
    /// After the reasoning, one JSON array of <c>{"name", "parameters"}</c> objects (the constraint of a required call for formats without a
    /// structural tag).
    /// </summary>
    JsonArray,

    /// <summary>After the reasoning, the bare JSON arguments of the one tool named by <see cref="OutputParserOptions.ToolChoice"/>.</summary>
    NamedArguments,

    /// <summary>Calls are not looked for: after the reasoning all is text (a schema-constrained answer).</summary>
    None,
}

/// <summary>A tool the model may call.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Parameters">JSON schema of the arguments object; null when the tool takes none. Types the values of XML-like formats.</param>
/// <param name="Strict">
/// Whether the arguments must follow the schema: then a constraint is sent although the model may choose freely whether to call.
/// </param>
public sealed record OutputTool(string Name, JsonElement? Parameters = null, bool Strict = false);

/// <summary>How free the model is to call tools, with the tool's name when one is named.</summary>
public readonly record struct OutputToolChoice
{
    private OutputToolChoice(OutputToolChoiceKind kind, string? name)
    {
        Kind = kind;
        Name = name;
    }

    /// <summary>The model decides.</summary>
    public static OutputToolChoice Auto => default;

    /// <summary>No calls: those that the model writes all the same are recognised and left out.</summary>
    public static OutputToolChoice None => new(OutputToolChoiceKind.None, null);

    /// <summary>At least one call.</summary>
    public static OutputToolChoice Required => new(OutputToolChoiceKind.Required, null);

    /// <summary>The kind of choice.</summary>
    internal OutputToolChoiceKind Kind { get; }

    /// <summary>The name that <see cref="Named"/> was given; otherwise null.</summary>
    public string? Name { get; }

    /// <summary>A call of one tool.</summary>
    /// <param name="name">The tool's name.</param>
    public static OutputToolChoice Named(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(OutputToolChoiceKind.Named, name);
    }
}

/// <summary>How free the model is to call tools.</summary>
internal enum OutputToolChoiceKind
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>Calls are recognised and suppressed; their markup is not shown.</summary>
    None,

    /// <summary>At least one call is required.</summary>
    Required,

    /// <summary>One named tool is required.</summary>
    Named,
}
