using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm;

/// <summary>What a template's source says about the shape of the messages it wants. Found once per template.</summary>
internal sealed partial record TemplateTraits
{
    /// <summary>Whether content is a string or a list of parts.</summary>
    public required ChatContentFormat ContentFormat { get; init; }

    /// <summary>Whether the template knows the role "developer"; otherwise such messages become system messages.</summary>
    public bool KnowsDeveloperRole { get; init; }

    /// <summary>Whether it reads reasoning from the key <c>thinking</c> of a message.</summary>
    public bool ReadsThinkingKey { get; init; }

    /// <summary>
    /// Whether it prints tool arguments that are a string as they are. Then the model's own spelling can be handed back, and the next turn's prompt
    /// begins with exactly the tokens the model saw.
    /// </summary>
    public bool PrintsArgumentText { get; init; }

    /// <summary>The effort names it knows beyond low, medium and high.</summary>
    public bool KnowsExtraHigh { get; init; }

    public bool KnowsMaximum { get; init; }

    /// <summary>
    /// Whether content of one text stays a string although the format is a list: what the built-in renderers take, and templates that ask
    /// <c>content is string</c>. Such templates often take lists in user messages only and would print the others as data.
    /// </summary>
    public bool MixedContent { get; init; }

    /// <summary>Whether requests without tools must come with an empty list of them; others are rendered without, as by vLLM.</summary>
    public bool NeedsToolList { get; init; }

    /// <summary>Whether it refuses messages with thoughts instead of leaving these out; then they are left out before it is asked.</summary>
    public bool RefusesThoughts { get; init; }

    /// <summary>Whether it prints an image part in a tool's result. Templates with string content get placeholders there as everywhere.</summary>
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

    // A template that writes the members itself writes no JSON; its branch for a string is for something else than the model's words.
    [GeneratedRegex(@"\barguments(['""]\])?\s*(is\s+mapping\b|\|\s*(items|dictsort)\b|\.items\b)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ArgumentMembers();
}
