using System.Text.Json;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>The tools and the tool choice of a request, for the template and the output parser.</summary>
/// <param name="ForTemplate">The tools as vLLM passes them to templates, or <see langword="null"/> without tools.</param>
/// <param name="Tools">The tools for parser and constraint.</param>
/// <param name="Choice">The tool choice.</param>
internal sealed record RequestTools(List<object?>? ForTemplate, IReadOnlyList<OutputTool> Tools, OutputToolChoice Choice)
{
    public static readonly RequestTools None = new(null, [], OutputToolChoice.Auto);

    /// <exception cref="ArgumentException">The tool mode requires a function that is not among the tools.</exception>
    public static RequestTools From(ChatOptions? options, IReadOnlyList<ChatMessage> messages, ILogger logger)
    {
        if (options?.Tools is not { Count: > 0 } tools)
        {
            if (options?.ToolMode is RequiredChatToolMode { RequiredFunctionName: null })
            {
                Log.OptionIgnored(logger, nameof(ChatOptions.ToolMode), "it requires a call, but there are no tools");
            }

            return options?.ToolMode is RequiredChatToolMode { RequiredFunctionName: { } missing }
                ? throw new ArgumentException(
                    $"ChatOptions.ToolMode requires the function '{missing}', but ChatOptions.Tools is empty.", nameof(options))
                : None;
        }

        var forTemplate = new List<object?>(tools.Count);
        var forParser = new List<OutputTool>(tools.Count);
        foreach (var tool in tools)
        {
            if (tool is not AIFunctionDeclaration function)
            {
                Log.ToolSkipped(logger, tool.Name, tool.GetType().Name);
                continue;
            }

            var strict = new PropertyReader(AsDictionary(function.AdditionalProperties)).Boolean("strict") ?? false;
            var body = new Dictionary<string, object?>(4, StringComparer.Ordinal)
            {
                ["name"] = function.Name,
                ["description"] = function.Description,
                ["parameters"] = function.JsonSchema,
            };
            if (strict)
            {
                body["strict"] = true;
            }

            forTemplate.Add(new Dictionary<string, object?>(2, StringComparer.Ordinal) { ["type"] = "function", ["function"] = body });
            JsonElement? schema = function.JsonSchema.ValueKind == JsonValueKind.Undefined ? null : function.JsonSchema;
            forParser.Add(new OutputTool(function.Name, schema, strict));
        }

        if (forTemplate.Count == 0)
        {
            return None;
        }

        // If calls are not allowed, the prompt contains no functions, unless the conversation contains calls, which would be meaningless without
        // them.
        var choice = GetChoice(options.ToolMode, forParser);
        var hideTools = choice.Kind == OutputToolChoiceKind.None
            && !messages.Any(static message => message?.Contents.Any(static content => content is ToolCallContent or ToolResultContent) == true);
        return new RequestTools(hideTools ? null : forTemplate, forParser, choice);
    }

    private static OutputToolChoice GetChoice(ChatToolMode? mode, List<OutputTool> tools) => mode switch
    {
        NoneChatToolMode => OutputToolChoice.None,
        RequiredChatToolMode { RequiredFunctionName: { } name } => tools.Any(tool => tool.Name == name)
            ? OutputToolChoice.Named(name)
            : throw new ArgumentException(
                $"ChatOptions.ToolMode requires the function '{name}', which is not among the tools:"
                    + $" {string.Join(", ", tools.Select(static tool => tool.Name))}."),
        RequiredChatToolMode => OutputToolChoice.Required,
        _ => OutputToolChoice.Auto,
    };

    private static AdditionalPropertiesDictionary? AsDictionary(IReadOnlyDictionary<string, object?>? properties) =>
        properties is { Count: > 0 } ? new AdditionalPropertiesDictionary(properties) : null;
}
