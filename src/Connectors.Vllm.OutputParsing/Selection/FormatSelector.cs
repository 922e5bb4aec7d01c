using Connectors.Vllm.OutputParsing.Formats;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.ResponseTemplates;

namespace Connectors.Vllm.OutputParsing.Selection;

/// <summary>The parsers that were chosen for a model, and why.</summary>
/// <param name="Tools">How it writes calls.</param>
/// <param name="ToolReason">Why this one.</param>
/// <param name="Reasoning">How it writes reasoning.</param>
/// <param name="ReasoningReason">Why this one.</param>
/// <param name="Warning">What to tell the user once; null when all is well.</param>
internal sealed record FormatChoice(ToolSyntax Tools, string ToolReason, ReasoningSyntax Reasoning, string ReasoningReason, string? Warning);

/// <summary>Selects a format by the available evidence, in order: option, server, model_type, markers, response template, name.</summary>
internal static class FormatSelector
{
    private const string ResponseTemplateName = "hf";

    public static FormatChoice Select(OutputFormatHints hints)
    {
        var (tools, toolReason) = Explicit(hints.ToolParser, FormatTable.FindTools, "tool", FormatTable.ToolNames);
        var (reasoning, reasoningReason) = Explicit(hints.ReasoningParser, FormatTable.FindReasoning, "reasoning", FormatTable.ReasoningNames);
        if (IsTemplate(hints.ToolParser) || IsTemplate(hints.ReasoningParser))
        {
            (tools, toolReason) = (ResponseTemplateTools(hints), "response_template, chosen by option");
            (reasoning, reasoningReason) = (ReasoningSyntax.None with { Id = ResponseTemplateName }, toolReason);
        }

        string? warning = null;
        if (tools is null)
        {
            (tools, toolReason) = FromEvidence(hints.ServerToolParser, hints, ModelTypes.Tools, MarkerSniffer.Tools, FormatTable.FindTools);
        }

        if (tools is null && hints.ResponseTemplate is { Length: > 0 })
        {
            try
            {
                (tools, toolReason) = (ResponseTemplateTools(hints), "response_template of the tokenizer's configuration");
                (reasoning, reasoningReason) = (reasoning ?? ReasoningSyntax.None with { Id = ResponseTemplateName }, reasoningReason ?? toolReason);
            }
            catch (OutputFormatException exception)
            {
                // The template was not requested explicitly, so it must not prevent a model from loading.
                warning = exception.Message;
            }
        }

        if (tools is null)
        {
            (tools, toolReason) = FromName(hints, ModelNames.Tools, FormatTable.FindTools);
        }

        if (tools is null)
        {
            (tools, toolReason) = (ToolSyntax.None, "no information about the model's calls");
            warning ??= "The format of this model's tool calls is unknown: calls are returned as text. "
                + "Set the tool parser in the options if the model can call tools.";
        }

        var ownName = tools.Id == HarmonyFormat.Tools.Id ? HarmonyFormat.Reasoning.Id : tools.Id;
        if (reasoning is null && tools.Machine is not null && FormatTable.FindReasoning(ownName) is { } own)
        {
            (reasoning, reasoningReason) = (own, "belongs to the tool parser");
        }

        if (reasoning is null)
        {
            (reasoning, reasoningReason) = FromEvidence(
                hints.ServerReasoningParser, hints, ModelTypes.Reasoning, MarkerSniffer.Reasoning, FormatTable.FindReasoning);
        }

        if (reasoning is null)
        {
            (reasoning, reasoningReason) = FromName(hints, ModelNames.Reasoning, FormatTable.FindReasoning);
        }

        (tools, reasoning) = WithSuffix(tools, reasoning ?? ReasoningSyntax.None, hints.ChatTemplate);
        return new FormatChoice(tools, toolReason!, reasoning, reasoningReason ?? "no sign of reasoning", warning);
    }

    private static bool IsTemplate(string? name) => string.Equals(name?.Trim(), ResponseTemplateName, StringComparison.OrdinalIgnoreCase);

    private static ToolSyntax ResponseTemplateTools(OutputFormatHints hints)
    {
        if (hints.ResponseTemplate is not { Length: > 0 } json)
        {
            throw new OutputFormatException(
                "The parser 'hf' needs a response_template in tokenizer_config.json, and this model has none. Use another parser, or 'auto'.");
        }

        var template = TemplateDefinition.Parse(json);
        return new ToolSyntax { Id = ResponseTemplateName, Machine = context => new ResponseTemplateMachine(context, template) };
    }

    private static (T? Row, string? Reason) Explicit<T>(string? name, Func<string, T?> find, string what, IReadOnlyList<string> known)
        where T : class
    {
        if (string.IsNullOrWhiteSpace(name) || string.Equals(name.Trim(), "auto", StringComparison.OrdinalIgnoreCase) || IsTemplate(name))
        {
            return (null, null);
        }

        return find(name) is { } row
            ? (row, "chosen by option")
            : throw new OutputFormatException($"There is no {what} parser '{name}'. Known: {string.Join(", ", known)}, hf; or 'auto'.");
    }

    private static (T? Row, string? Reason) FromEvidence<T>(
        string? server,
        OutputFormatHints hints,
        Func<OutputFormatHints, string?> byType,
        Func<OutputFormatHints, (string Name, string Why)?> byMarkers,
        Func<string, T?> find)
        where T : class
    {
        if (!string.IsNullOrWhiteSpace(server) && find(server) is { } told)
        {
            return (told, $"the server uses '{server}'");
        }

        if (byType(hints) is { } name && find(name) is { } typed)
        {
            return (typed, $"model_type '{hints.ModelType}'{(hints.Architectures.Count > 0 ? $", architecture '{hints.Architectures[0]}'" : "")}");
        }

        return byMarkers(hints) is { } sniffed && find(sniffed.Name) is { } marked ? (marked, sniffed.Why) : (null, null);
    }

    private static (T? Row, string? Reason) FromName<T>(
        OutputFormatHints hints, IReadOnlyList<(string Pattern, string Name)> table, Func<string, T?> find)
        where T : class =>
        ModelNames.Find(hints.ModelName, table) is { } found && find(found.Name) is { } row
            ? (row, $"the model's name contains '{found.Pattern}'")
            : (null, null);

    /// <summary>Hunyuan checkpoints add a suffix of their own to every marker; the template shows it.</summary>
    private static (ToolSyntax Tools, ReasoningSyntax Reasoning) WithSuffix(ToolSyntax tools, ReasoningSyntax reasoning, string? template)
    {
        const string Opener = "<tool_calls:";
        var at = tools.Id is "hy_v3" or "hy_v4" && template is not null ? template.IndexOf(Opener, StringComparison.Ordinal) : -1;
        var end = at < 0 ? -1 : template!.IndexOf('>', at);
        if (end < 0 || end - at > 64)
        {
            return (tools, reasoning);
        }

        var suffix = template![(at + Opener.Length - 1)..end];
        reasoning = reasoning == ReasoningSyntax.None ? reasoning : HunyuanFormats.CreateReasoning(reasoning.Id, suffix);
        return (HunyuanFormats.Create(tools.Id, suffix), reasoning);
    }
}
