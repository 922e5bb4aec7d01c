using System.Collections;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Ai = Microsoft.Extensions.AI;
using Sk = Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>Converts a chat history of Semantic Kernel to messages of Microsoft.Extensions.AI.</summary>
internal static class HistoryMapper
{
    /// <exception cref="NotSupportedException">The history contains an item that cannot be sent to a model.</exception>
    public static List<ChatMessage> ToMessages(ChatHistory history)
    {
        var messages = new List<ChatMessage>(history.Count);
        for (var i = 0; i < history.Count; i++)
        {
            var content = history[i];

            // A default role has no label; Semantic Kernel itself treats such a message as that of the user.
            var message = new ChatMessage
            { Role = content.Role.Label is { Length: > 0 } role ? new ChatRole(role) : ChatRole.User, AuthorName = content.AuthorName };
            foreach (var item in content.Items)
            {
                message.Contents.Add(TryToAi(item) ?? (content.Role == AuthorRole.Assistant

                    // What another service said beside its text (annotations, actions): the chat client names it in its log.
                    ? new AIContent { RawRepresentation = item }
                    : throw Unsupported(item, string.Create(CultureInfo.InvariantCulture, $"The message at index {i}"))));
            }

            messages.Add(message);
        }

        return messages;
    }

    /// <exception cref="NotSupportedException">The item cannot be sent to a model.</exception>
    public static AIContent ToAi(KernelContent item) => TryToAi(item) ?? throw Unsupported(item, "The result of a function");

    private static AIContent? TryToAi(KernelContent item) => item switch
    {
        Sk.TextContent text => new Ai.TextContent(text.Text),
        ReasoningContent reasoning => new TextReasoningContent(reasoning.Text),
        ImageContent { Data: { } data } image => new DataContent(data, image.MimeType ?? "image/png"),
        ImageContent { Uri: { } uri } image => new UriContent(uri, image.MimeType ?? "image/png"),
        BinaryContent { Data: { } data } binary => new DataContent(data, binary.MimeType ?? DefaultType(binary)),
        BinaryContent { Uri: { } uri } binary => new UriContent(uri, binary.MimeType ?? DefaultType(binary)),
        FileReferenceContent file => new HostedFileContent(file.FileId),
        Sk.FunctionCallContent call =>
            new Ai.FunctionCallContent(call.Id ?? string.Empty, FunctionNames.ToTool(call.PluginName, call.FunctionName), call.Arguments)
            {
                Exception = call.Exception,

                // They include the arguments as the model wrote them, which keep the prompt prefix of a re-sent history equal to what the server has
                // cached.
                AdditionalProperties = call.Metadata is null ? null : new AdditionalPropertiesDictionary(call.Metadata),
            },
        Sk.FunctionResultContent result => new Ai.FunctionResultContent(result.CallId ?? string.Empty, FunctionResults.ToAi(result.Result)),
        _ => null,
    };

    private static NotSupportedException Unsupported(KernelContent item, string where) => new(
        $"{where} contains {item.GetType().Name}{(item is BinaryContent ? " without data and address" : string.Empty)}, which a vLLM server does not "
        + "accept. Pass text, images, audio, video, function calls or function results.");

    private static string DefaultType(BinaryContent content) => content is AudioContent ? "audio/wav" : "application/octet-stream";
}

/// <summary>
/// The one place that knows what a function's value becomes for the model: a text, or images and sound where it returned some. Values are what
/// functions of the kernel return, and what applications put into a <see cref="Sk.FunctionResultContent"/> themselves.
/// </summary>
internal static class FunctionResults
{
    private static readonly JsonSerializerOptions Json = new(AIJsonUtilities.DefaultOptions)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = false,
        NumberHandling = AIJsonUtilities.DefaultOptions.NumberHandling | JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Converts the value for a history: to text if possible, otherwise unchanged (media).</summary>
    public static object Plain(object? value) => ToAi(value) is string text ? text : value!;

    /// <returns>A string, an <see cref="AIContent"/>, or a list of <see cref="AIContent"/>.</returns>
    public static object ToAi(object? value)
    {
        switch (value)
        {
            case null:
                return string.Empty;
            case string text:
                return text;
            case FunctionResult result:
                return ToAi(result.GetValue<object>());
            case Exception exception:
                return $"Error: Exception while invoking function. {exception.Message}";
            case Sk.FunctionResultContent result:
                return ToAi(result.Result);
            case Sk.TextContent text:
                return text.Text ?? string.Empty;
            case ImageContent or BinaryContent:
                return HistoryMapper.ToAi((KernelContent)value);
            case Ai.TextContent text:
                return text.Text;
            case AIContent content:
                return content;
            case ChatMessageContent message:
                return Join(message.Items.Where(static item => item is Sk.TextContent or ImageContent or BinaryContent), string.Empty);
            case ChatMessage message:
                return Join(message.Contents.Where(static item => item is Ai.TextContent or DataContent or UriContent), string.Empty);
            case ChatResponse response:
                return response.Text;
            case IEnumerable<KernelContent> or IEnumerable<AIContent> or IEnumerable<ChatMessage>:
            case ICollection { Count: > 0 } items when items.Cast<object?>().All(static item => item is KernelContent or AIContent):
                return Join(((IEnumerable)value).Cast<object>(), ",");
            case KernelContent or StreamingKernelContent:
                return value.ToString() ?? string.Empty;
            case Type type:
                return type.FullName ?? type.Name;
            case Stream or Delegate or Task:
                return Unusable(value);
            default:
                return ToJson(value);
        }
    }

    /// <summary>Returns one text if all parts are texts, otherwise a list of contents.</summary>
    private static object Join(IEnumerable<object> values, string separator)
    {
        List<object> parts = [.. values.Select(ToAi)];
        return parts.All(static part => part is string)
            ? string.Join(separator, parts)
            : parts.SelectMany(static part => part switch
            {
                string text => [new Ai.TextContent(text)],
                AIContent content => [content],
                _ => (List<AIContent>)part,
            }).ToList();
    }

    private static string ToJson(object value)
    {
        try
        {
            return value switch
            {
                JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
                JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => string.Empty,
                _ => JsonSerializer.Serialize(value, Json.GetTypeInfo(value.GetType())),
            };
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Also what a property of the application's own type throws: the model can try something else.
            return Unusable(value);
        }
    }

    private static string Unusable(object value) => $"Error: The function returned a value that cannot be shown ({value.GetType().Name}).";
}
