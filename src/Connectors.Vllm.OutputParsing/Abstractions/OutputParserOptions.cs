using System.Text.Json;
using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing;

/// <summary>The options of an <see cref="OutputParser"/>, which describe the request. Read when the parser is created, and never modified.</summary>
public sealed class OutputParserOptions
{
    /// <summary>
    /// The end of the rendered prompt (a few hundred characters are enough; the whole prompt can be passed). It determines whether the output begins
    /// inside reasoning. If it is <see langword="null"/> or contains no marker, the output begins outside. Leave it <see langword="null"/> if a
    /// constraint that does not allow reasoning applies from the first token: there can then be no reasoning, whatever the prompt ends with.
    /// </summary>
    public string? PromptTail { get; init; }

    /// <summary>The tools of the request. Their schemas determine the types of values in XML-like formats.</summary>
    public IReadOnlyList<OutputTool> Tools { get; init; } = [];

    /// <summary>The tool choice of the request. <see cref="OutputToolChoice.None"/> suppresses calls.</summary>
    public OutputToolChoice ToolChoice { get; init; }

    /// <summary>The shape of the calls, as the constraint of the request makes it.</summary>
    internal CallShape CallShape { get; init; }

    /// <summary>
    /// Whether more than one call is returned. If false, the parser is finished after the first call (<see cref="OutputParser.IsFinished"/>) and
    /// ignores the rest.
    /// </summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>Strings that end the output where they first occur.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>
    /// Whether stop strings also match in the reasoning. Default: false, which matches them in the visible text only, so that none can cut the
    /// reasoning short. The markup of calls is never searched.
    /// </summary>
    public bool StopInReasoning { get; init; }

    /// <summary>Whether the matched stop string is kept at the end of the text. Default: false.</summary>
    public bool IncludeStopString { get; init; }

    /// <summary>
    /// The texts of the tokenizer's special tokens by id. Those that are not part of the format are removed, after parsing. Pass the same instance
    /// for every request of a model: data derived from it is cached with the format.
    /// </summary>
    public IReadOnlyDictionary<int, string>? SpecialTokens { get; init; }

    /// <summary>
    /// Creates call ids, which must be unique within the conversation, from the index of the call within the output, the name of the tool, and the id
    /// that the model itself wrote (<see langword="null"/> in most formats). <see langword="null"/>, the default, creates ids in the form that the
    /// format expects.
    /// </summary>
    public Func<int, string, string?, string>? CallIds { get; init; }

    /// <summary>The ids of calls in the history, which are not used for new calls.</summary>
    public IReadOnlySet<string>? ReservedCallIds { get; init; }

    /// <summary>The number of calls in the history, for formats that count calls over the conversation (Kimi K2).</summary>
    public int PriorCallCount { get; init; }

    /// <summary>
    /// Whether a complete call whose arguments are not a JSON object is returned as a call, with <see cref="OutputEvent.Error"/> set at its end, for
    /// loops that report the error to the model. Default: false, which returns its raw text as text, because a loop that invokes functions would
    /// otherwise invoke one with defaults for all parameters. A call without a readable name is always text.
    /// </summary>
    public bool ReturnMalformedCalls { get; init; }

    /// <summary>
    /// Whether a call to a tool that is not in <see cref="Tools"/> is returned as text. Default: false, which returns it as a call.
    /// </summary>
    public bool ValidateNames { get; init; }

    /// <summary>Whether to add <see cref="OutputEventKind.Markup"/> events, so that every character of the output is accounted for.</summary>
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

/// <summary>A tool that the model may call.</summary>
/// <param name="Name">The name of the function.</param>
/// <param name="Parameters">The JSON schema of the arguments object; <see langword="null"/> if the tool takes none. Determines the types of
/// values in XML-like formats.</param>
/// <param name="Strict">Whether the arguments must satisfy the schema, in which case a constraint is sent even though the model is free not
/// to call the tool.</param>
public sealed record OutputTool(string Name, JsonElement? Parameters = null, bool Strict = false);

/// <summary>The tool choice of a request, with the name of the tool if one is required by name.</summary>
public readonly record struct OutputToolChoice
{
    private OutputToolChoice(OutputToolChoiceKind kind, string? name)
    {
        Kind = kind;
        Name = name;
    }

    /// <summary>The model decides whether to call tools.</summary>
    public static OutputToolChoice Auto => default;

    /// <summary>The model must not call tools; calls that it writes nevertheless are recognized and removed.</summary>
    public static OutputToolChoice None => new(OutputToolChoiceKind.None, null);

    /// <summary>The model must call at least one tool.</summary>
    public static OutputToolChoice Required => new(OutputToolChoiceKind.Required, null);

    /// <summary>The kind of choice.</summary>
    internal OutputToolChoiceKind Kind { get; }

    /// <summary>The name passed to <see cref="Named"/>; otherwise <see langword="null"/>.</summary>
    public string? Name { get; }

    /// <summary>The model must call the tool with the given name.</summary>
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
    /// <summary>The model decides whether to call tools.</summary>
    Auto,

    /// <summary>Calls are recognized and suppressed; their markup is not returned.</summary>
    None,

    /// <summary>At least one call is required.</summary>
    Required,

    /// <summary>One named tool is required.</summary>
    Named,
}
