using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Ai = Microsoft.Extensions.AI;
using Sk = Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>Contents of Semantic Kernel to those of Microsoft.Extensions.AI, and back.</summary>
internal static class ContentMapper
{
    /// <summary>Semantic Kernel joins plugin and function names this way.</summary>
    private const char NameSeparator = '_';

    public static List<ChatMessage> ToMessages(ChatHistory history)
    {
        var messages = new List<ChatMessage>(history.Count);
        foreach (ChatMessageContent content in history)
        {
            var message = new ChatMessage { Role = new ChatRole(content.Role.Label), AuthorName = content.AuthorName };
            foreach (KernelContent item in content.Items)
            {
                if (ToAi(item) is { } mapped)
                {
                    message.Contents.Add(mapped);
                }
            }

            messages.Add(message);
        }

        return messages;
    }

    public static ChatMessageContent ToContent(ChatMessage message, ChatResponse response)
    {
        var items = new ChatMessageContentItemCollection();
        foreach (AIContent content in message.Contents)
        {
            if (ToSk(content) is { } mapped)
            {
                mapped.ModelId = response.ModelId;
                items.Add(mapped);
            }
        }

        return new ChatMessageContent(
            new AuthorRole(message.Role.Value), items, response.ModelId, response.RawRepresentation, metadata: Metadata(message.AdditionalProperties, response.Usage, response.FinishReason))
        {
            AuthorName = message.AuthorName,
        };
    }

    public static StreamingChatMessageContent ToStreaming(ChatResponseUpdate update, int choice)
    {
        var result = new StreamingChatMessageContent(
            update.Role is { } role ? new AuthorRole(role.Value) : null, null, update, choice, update.ModelId, metadata: Metadata(update));
        int calls = 0;
        foreach (AIContent content in update.Contents)
        {
            switch (content)
            {
                case Ai.TextContent text:
                    result.Items.Add(new StreamingTextContent(text.Text, choice, update.ModelId));
                    break;
                case TextReasoningContent thought:
                    result.Items.Add(new StreamingReasoningContent(thought.Text) { ChoiceIndex = choice });
                    break;
                case Ai.FunctionCallContent call:
                    result.Items.Add(new StreamingFunctionCallUpdateContent(call.CallId, call.Name, ArgumentText(call), calls++));
                    break;
                default:
                    break;
            }
        }

        return result;
    }

    public static IReadOnlyDictionary<string, object?>? Metadata(ChatResponseUpdate update) =>
        Metadata(update.AdditionalProperties, update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details, update.FinishReason);

    public static IReadOnlyDictionary<string, object?>? Metadata(AdditionalPropertiesDictionary? properties, UsageDetails? usage, ChatFinishReason? finish)
    {
        if (properties is null && usage is null && finish is null)
        {
            return null;
        }

        var metadata = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((string name, object? value) in properties ?? [])
        {
            metadata[name] = value;
        }

        if (usage is not null)
        {
            metadata["Usage"] = usage;
        }

        if (finish is { } reason)
        {
            metadata["FinishReason"] = reason.Value;
        }

        return metadata;
    }

    private static AIContent? ToAi(KernelContent item) => item switch
    {
        Sk.TextContent text => new Ai.TextContent(text.Text),
        ReasoningContent thought => new TextReasoningContent(thought.Text),
        ImageContent { Data: { } data } image => new DataContent(data, image.MimeType ?? "image/png"),
        ImageContent { Uri: { } uri } image => new UriContent(uri, image.MimeType ?? "image/png"),
        BinaryContent { Data: { } data, MimeType: { } type } => new DataContent(data, type),
        BinaryContent { Uri: { } uri, MimeType: { } type } => new UriContent(uri, type),
        Sk.FunctionCallContent call => new Ai.FunctionCallContent(call.Id ?? string.Empty, Join(call.PluginName, call.FunctionName), call.Arguments),
        Sk.FunctionResultContent result => new Ai.FunctionResultContent(result.CallId ?? string.Empty, result.Result),
        _ => null,
    };

    private static KernelContent? ToSk(AIContent content) => content switch
    {
        Ai.TextContent text => new Sk.TextContent(text.Text),
        TextReasoningContent thought => new ReasoningContent(thought.Text),
        Ai.FunctionCallContent call => new Sk.FunctionCallContent(
            call.Name, id: call.CallId, arguments: call.Arguments is null ? null : new KernelArguments(call.Arguments)) { Exception = call.Exception },
        Ai.FunctionResultContent result => new Sk.FunctionResultContent(callId: result.CallId, result: result.Result),
        _ => null,
    };

    private static string Join(string? plugin, string function) => string.IsNullOrEmpty(plugin) ? function : string.Create(CultureInfo.InvariantCulture, $"{plugin}{NameSeparator}{function}");

    private static string ArgumentText(Ai.FunctionCallContent call) =>
        call.AdditionalProperties?.TryGetValue("vllm.raw_arguments", out object? raw) == true && raw is string text
            ? text
            : JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)));
}
