using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Ai = Microsoft.Extensions.AI;
using Sk = Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>Converts the answers to a request to contents of Semantic Kernel.</summary>
/// <param name="choices">The functions advertised to the model.</param>
/// <param name="kernel">The kernel, for names of functions that were not advertised.</param>
/// <param name="firstCall">The number of calls streamed before for this answer, whose indices must not be reused.</param>
internal sealed class AnswerMapper(FunctionChoices choices, Kernel? kernel, int firstCall = 0)
{
    /// <summary>The key of a call's arguments exactly as the model wrote them.</summary>
    private const string RawArguments = "vllm.raw_arguments";

    private readonly Dictionary<string, (string? Plugin, string Function)> _callNames = new(StringComparer.Ordinal);
    private readonly ChoiceIndex _choices = new();

    /// <summary>The number of calls streamed, including previous ones.</summary>
    public int StreamedCalls { get; private set; } = firstCall;

    public ChatMessageContent ToContent(ChatMessage message, ChatResponse response)
    {
        var items = new ChatMessageContentItemCollection();
        foreach (var content in message.Contents)
        {
            if (ToSk(content) is { } mapped)
            {
                mapped.ModelId = response.ModelId;
                mapped.InnerContent = content;
                items.Add(mapped);
            }
        }

        return new ChatMessageContent(
            new AuthorRole(message.Role.Value), items, response.ModelId, response.RawRepresentation, metadata: AnswerMetadata.Of(message, response))
        {
            AuthorName = message.AuthorName,
        };
    }

    public StreamingChatMessageContent ToStreaming(ChatResponseUpdate update)
    {
        var choice = _choices.Of(update);
        var result = new StreamingChatMessageContent(
            update.Role is { } role ? new AuthorRole(role.Value) : null, null, update, choice, update.ModelId, metadata: AnswerMetadata.Of(update));
        foreach (var content in update.Contents)
        {
            switch (content)
            {
                case Ai.TextContent text:
                    result.Items.Add(new StreamingTextContent(text.Text, choice, update.ModelId));
                    break;
                case TextReasoningContent reasoning:
                    result.Items.Add(new StreamingReasoningContent(reasoning.Text) { ChoiceIndex = choice });
                    break;
                case Ai.FunctionCallContent call:
                    (var plugin, var function) = FunctionNames.Resolve(call.Name, choices, kernel);
                    result.Items.Add(new StreamingFunctionCallUpdateContent(
                        call.CallId, FunctionNames.ToStream(plugin, function), ArgumentText(call), StreamedCalls++) { ChoiceIndex = choice });
                    break;
                default:
                    break;
            }
        }

        return result;
    }

    private KernelContent? ToSk(AIContent content)
    {
        switch (content)
        {
            case Ai.TextContent text:
                return new Sk.TextContent(text.Text);
            case TextReasoningContent reasoning:
                return new ReasoningContent(reasoning.Text);
            case Ai.FunctionCallContent call:
                (var plugin, var function) = _callNames[call.CallId] = FunctionNames.Resolve(call.Name, choices, kernel);
                return new Sk.FunctionCallContent(function, plugin, call.CallId, call.Arguments is null ? null : new KernelArguments(call.Arguments))
                {
                    Exception = call.Exception,
                    Metadata = call.AdditionalProperties,
                };
            case Ai.FunctionResultContent result:
                var of = _callNames.GetValueOrDefault(result.CallId);
                return new Sk.FunctionResultContent(of.Function, of.Plugin, result.CallId, result.Result);
            default:
                return null;
        }
    }

    private static string ArgumentText(Ai.FunctionCallContent call) =>
        call.AdditionalProperties?.TryGetValue(RawArguments, out var raw) == true && raw is string text
            ? text
            : JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)));
}

/// <summary>
/// What Semantic Kernel's telemetry and users look for in a content's metadata: Id, CreatedAt, Usage, FinishReason, and vLLM's extras by their names.
/// </summary>
internal static class AnswerMetadata
{
    public static IReadOnlyDictionary<string, object?> Of(ChatResponseUpdate update) => Of(
        update.AdditionalProperties, update.ResponseId, update.CreatedAt, update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details,
        update.FinishReason);

    public static IReadOnlyDictionary<string, object?> Of(ChatMessage message, ChatResponse response) =>
        Of(message.AdditionalProperties, response.ResponseId, response.CreatedAt, response.Usage, response.FinishReason);

    private static Dictionary<string, object?> Of(
        AdditionalPropertiesDictionary? properties, string? id, DateTimeOffset? createdAt, UsageDetails? usage, ChatFinishReason? finish)
    {
        var metadata = new Dictionary<string, object?>(4, StringComparer.Ordinal);
        foreach ((var name, var value) in properties ?? [])
        {
            metadata[name] = value;
        }

        Set("Id", id);
        Set("CreatedAt", createdAt);
        Set("Usage", usage);
        Set("FinishReason", finish?.Value);
        return metadata;

        void Set(string name, object? value)
        {
            if (value is not null)
            {
                metadata[name] = value;
            }
        }
    }
}

/// <summary>
/// Numbers the choices of a stream by their message ids. Each round of function calling is a response of its own and starts at 0 again.
/// </summary>
internal sealed class ChoiceIndex
{
    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private string? _response;

    public int Of(ChatResponseUpdate update)
    {
        if (!string.Equals(update.ResponseId, _response, StringComparison.Ordinal))
        {
            _response = update.ResponseId;
            _known.Clear();
        }

        var id = update.MessageId ?? string.Empty;
        if (!_known.TryGetValue(id, out var index))
        {
            _known[id] = index = _known.Count;
        }

        return index;
    }
}
