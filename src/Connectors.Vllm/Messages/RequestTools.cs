using System.Text.Json;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>Tools and tool choice of one request, for the template on one side and the output parser on the other.</summary>
/// <param name="ForTemplate">The tools as vLLM hands them to templates, or <see langword="null"/> without tools.</param>
/// <param name="Tools">The same tools for parser and constraint.</param>
/// <param name="Choice">How free the model is.</param>
internal sealed record RequestTools(List<object?>? ForTemplate, IReadOnlyList<OutputTool> Tools, OutputToolChoice Choice)
{
    public static readonly RequestTools None = new(null, [], OutputToolChoice.Auto);

    /// <exception cref="ArgumentException">The tool mode requires a function that is not among the tools.</exception>
    public static RequestTools From(ChatOptions? options, IReadOnlyList<ChatMessage> messages, ILogger logger)
    {
        if (options?.Tools is not { Count: > 0 } tools)
        {
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

        // A model that must not call is not told of functions, unless the conversation has calls in it, which make no sense without them.
        var choice = ChoiceOf(options.ToolMode, forParser);
        var untold = choice.Kind == OutputToolChoiceKind.None
            && !messages.Any(static message => message?.Contents.Any(static content => content is ToolCallContent or ToolResultContent) == true);
        return new RequestTools(untold ? null : forTemplate, forParser, choice);
    }

    private static OutputToolChoice ChoiceOf(ChatToolMode? mode, List<OutputTool> tools) => mode switch
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
