using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Ai = Microsoft.Extensions.AI;
using Sk = Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>A chat history of Semantic Kernel as messages of Microsoft.Extensions.AI.</summary>
internal static class HistoryMapper
{
    /// <exception cref="NotSupportedException">The history holds a content that cannot be sent to a model.</exception>
    public static List<ChatMessage> ToMessages(ChatHistory history)
    {
        var messages = new List<ChatMessage>(history.Count);
        foreach (var content in history)
        {
            // A default role has no label; Semantic Kernel itself takes such a message for the user's.
            var message = new ChatMessage
            { Role = content.Role.Label is { Length: > 0 } role ? new ChatRole(role) : ChatRole.User, AuthorName = content.AuthorName };
            foreach (var item in content.Items)
            {
                message.Contents.Add(ToAi(item));
            }

            messages.Add(message);
        }

        return messages;
    }

    /// <exception cref="NotSupportedException">The item cannot be sent to a model.</exception>
    public static AIContent ToAi(KernelContent item) => item switch
    {
        Sk.TextContent text => new Ai.TextContent(text.Text),
        ReasoningContent thought => new TextReasoningContent(thought.Text),
        ImageContent { Data: { } data } image => new DataContent(data, image.MimeType ?? "image/png"),
        ImageContent { Uri: { } uri } image => new UriContent(uri, image.MimeType ?? "image/png"),
        BinaryContent { Data: { } data } binary => new DataContent(data, binary.MimeType ?? DefaultType(binary)),
        BinaryContent { Uri: { } uri } binary => new UriContent(uri, binary.MimeType ?? DefaultType(binary)),
        FileReferenceContent file => new HostedFileContent(file.FileId),
        Sk.FunctionCallContent call =>
            new Ai.FunctionCallContent(call.Id ?? string.Empty, FunctionNames.ToTool(call.PluginName, call.FunctionName), call.Arguments)
            {
                Exception = call.Exception,

                // Among them the arguments as the model wrote them: only so does a re-sent history extend the prompt that the server has cached.
                AdditionalProperties = call.Metadata is null ? null : new AdditionalPropertiesDictionary(call.Metadata),
            },
        Sk.FunctionResultContent result => new Ai.FunctionResultContent(result.CallId ?? string.Empty, FunctionResults.ToAi(result.Result)),
        _ => throw new NotSupportedException(
            $"A message holds {item.GetType().Name}, which a vLLM server cannot take. Pass text, images, audio, video, function calls or function "
                + "results."),
    };

    private static string DefaultType(BinaryContent content) => content is AudioContent ? "audio/wav" : "application/octet-stream";
}
