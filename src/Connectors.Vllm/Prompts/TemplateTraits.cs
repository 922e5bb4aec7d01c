using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm;

/// <summary>The traits of the messages that a template expects, detected from its source once per template.</summary>
internal sealed partial record TemplateTraits
{
    /// <summary>Whether content is a string or a list of parts.</summary>
    public required ChatContentFormat ContentFormat { get; init; }

    /// <summary>Whether the template supports the role "developer"; otherwise such messages become system messages.</summary>
    public bool KnowsDeveloperRole { get; init; }

    /// <summary>Whether it reads reasoning from the key <c>thinking</c> of a message.</summary>
    public bool ReadsThinkingKey { get; init; }

    /// <summary>
    /// Whether it prints tool arguments that are a string as they are. Then the model's own spelling can be handed back, and the next turn's prompt
    /// begins with exactly the tokens the model saw.
    /// </summary>
    public bool PrintsArgumentText { get; init; }

    /// <summary>Whether it supports efforts other than low, medium and high.</summary>
    public bool KnowsExtraHigh { get; init; }

    public bool KnowsMaximum { get; init; }

    /// <summary>
    /// Whether content of one text stays a string although the format is a list: what the built-in renderers take, and templates that ask
    /// <c>content is string</c>. Such templates often take lists in user messages only and would print the others as data.
    /// </summary>
    public bool MixedContent { get; init; }

    /// <summary>Whether requests without tools must have an empty list of tools; otherwise there is no list, as in vLLM.</summary>
    public bool NeedsToolList { get; init; }

    /// <summary>Whether it refuses messages with reasoning instead of omitting the reasoning, which is then omitted before.</summary>
    public bool RefusesReasoning { get; init; }

    /// <summary>Whether it prints an image part in a tool's result. Templates with string content get placeholders, as in other messages.</summary>
    public bool PrintsResultImages { get; init; }

    /// <summary>The built-in renderers read messages as clients send them.</summary>
    public static TemplateTraits OfNative(string? modelType) => new()
    {
        ContentFormat = ChatContentFormat.OpenAI,
        MixedContent = true,
        KnowsDeveloperRole = true,
        PrintsArgumentText = true,
        KnowsMaximum = modelType is "deepseek_v4" or "deepseek_v41" or "kimi_k3",
    };

    public static TemplateTraits Of(string source, ChatContentFormat format) => new()
    {
        ContentFormat = format,
        MixedContent = ContentIsString().IsMatch(source),
        KnowsDeveloperRole = source.Contains("\"developer\"", StringComparison.Ordinal) || source.Contains("'developer'", StringComparison.Ordinal),
        ReadsThinkingKey = ThinkingKey().IsMatch(source),
        PrintsArgumentText = ArgumentText().IsMatch(source) && !ArgumentMembers().IsMatch(source),
        KnowsExtraHigh = source.Contains("xhigh", StringComparison.Ordinal),
        KnowsMaximum = source.Contains("\"max\"", StringComparison.Ordinal) || source.Contains("'max'", StringComparison.Ordinal),
    };

    [GeneratedRegex(@"message(\.thinking\b|\[['""]thinking['""]\]|\.get\(['""]thinking['""])",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ThinkingKey();

    [GeneratedRegex(@"\bcontent(['""]\])?\s+is\s+(not\s+)?string\b", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ContentIsString();

    [GeneratedRegex(@"\barguments(['""]\])?\s+is\s+string\b", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ArgumentText();

    // A template that writes the members itself writes no JSON; its branch for strings is not meant for the text of the model.
    [GeneratedRegex(@"\barguments(['""]\])?\s*(is\s+mapping\b|\|\s*(items|dictsort)\b|\.items\b)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ArgumentMembers();
}

/// <summary>The form of tool call ids that a chat template requires.</summary>
internal enum VllmCallIdShape
{
    /// <summary>Any text.</summary>
    Any,

    /// <summary>Nine ASCII letters and digits, as Mistral's templates check.</summary>
    NineLettersAndDigits,

    /// <summary><c>functions.NAME:INDEX</c>, as Kimi K2's templates need it: they print the id where others print the function's name.</summary>
    FunctionNameAndIndex,
}

/// <summary>
/// The parts of a conversation that a chat template prints, detected by rendering short conversations when the model is loaded. A conversation with
/// other parts is reshaped before it is rendered, so that nothing is lost. Immutable.
/// </summary>
internal sealed record VllmTemplateAbilities
{
    /// <summary>Whether a leading system message is printed; otherwise its text is put before that of the first user message.</summary>
    public bool PrintsSystem { get; init; } = true;

    /// <summary>Whether system messages after the first message are printed; otherwise they are merged into the leading one.</summary>
    public bool PrintsLaterSystem { get; init; } = true;

    /// <summary>Whether two messages of the same role may follow each other; otherwise they are merged.</summary>
    public bool TakesEqualRoles { get; init; } = true;

    /// <summary>Whether the conversation may begin with the assistant; otherwise an empty user message is added before it.</summary>
    public bool TakesAssistantFirst { get; init; } = true;

    /// <summary>
    /// Whether name and arguments of tool calls are printed in any shape; otherwise they are written into the message's text as JSON.
    /// </summary>
    public bool PrintsToolCalls { get; init; } = true;

    /// <summary>Whether results of tools are printed; otherwise a conversation with results is refused.</summary>
    public bool PrintsToolResults { get; init; } = true;

    /// <summary>Whether text beside a tool call is printed; otherwise the text becomes a message of its own.</summary>
    public bool PrintsTextBesideCalls { get; init; } = true;

    /// <summary>
    /// Whether several calls of one message and their results are printed; otherwise each call becomes a message followed by its result.
    /// </summary>
    public bool PrintsParallelCalls { get; init; } = true;

    /// <summary>Whether calls are printed only when the message's content is null rather than empty.</summary>
    public bool NeedsNullContentBesideCalls { get; init; }

    /// <summary>Whether arguments must be passed as JSON text instead of as an object.</summary>
    public bool NeedsArgumentText { get; init; }

    /// <summary>The shape call ids must have; ids of another shape are mapped, the same for a call and its result and in every turn.</summary>
    public VllmCallIdShape CallIds { get; init; }

    /// <summary>Whether ids of calls are printed unchanged; other templates may look up a result's function by its id.</summary>
    public bool PrintsCallIds { get; init; }

    /// <summary>Whether the reasoning of a running tool round (calls whose results come last) is printed.</summary>
    public bool PrintsReasoning { get; init; }

    /// <summary>Whether reasoning before the last user message is printed; most templates omit it on purpose.</summary>
    public bool PrintsEarlierReasoning { get; init; }

    /// <summary>Whether image parts are printed by the template; otherwise placeholders are written into the text.</summary>
    public bool PrintsImages { get; init; }

    /// <summary>Whether a single user message could be rendered by the probe; otherwise everything is assumed to be printed.</summary>
    public bool IsKnown { get; init; } = true;
}
