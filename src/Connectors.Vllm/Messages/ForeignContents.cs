using System.Globalization;
using System.Text;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Converts a history from another provider to the kinds of content that chat templates support: text, reasoning, media, function calls and their
/// results. Tools that ran at the other provider become calls and results under the tool's name; contents that prompts cannot contain are omitted and
/// recorded.
/// </summary>
internal static class ForeignContents
{
    /// <exception cref="ArgumentException">A message or a content is null, or a message has no role; the exception contains the index.</exception>
    /// <returns>The same messages if there is nothing to translate; changed messages are copies.</returns>
    public static IReadOnlyList<ChatMessage> Translate(IReadOnlyList<ChatMessage> messages, OmittedContents omitted)
    {
        List<ChatMessage>? translated = null;
        HashSet<string>? calls = null;
        HashSet<string>? results = null;
        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i] ?? throw Missing(i, "is null");
            if (message.Role.Value is null)
            {
                throw Missing(i, "has no role");
            }

            if (message.Contents.IndexOf(null!) is >= 0 and var hole)
            {
                throw Missing(i, string.Create(CultureInfo.InvariantCulture, $"contains a null content (at index {hole})"));
            }

            if (message.Contents.FirstOrDefault(static content => !ContentReader.IsSupported(content)) is { } other)
            {
                throw ContentReader.Unsupported(
                    (other as DataContent)?.MediaType ?? ((UriContent)other).MediaType,
                    string.Create(CultureInfo.InvariantCulture, $"The message at index {i} of the conversation"));
            }

            if (message.Contents.All(IsKnown))
            {
                translated?.Add(message);
                continue;
            }

            translated ??= [.. messages.Take(i)];
            calls ??= Ids<ToolCallContent>(messages, static call => call.CallId);
            results ??= Ids<ToolResultContent>(messages, static result => result.CallId);
            var copy = message.Clone();
            copy.Contents = [.. message.Contents.Select(content => Translate(content, message.Role, calls, results, omitted)).OfType<AIContent>()];
            if (copy.Contents.Count > 0)
            {
                translated.Add(copy);
            }
        }

        return translated ?? messages;
    }

    private static bool IsKnown(AIContent content) =>
        content is TextContent or TextReasoningContent or FunctionCallContent or FunctionResultContent or DataContent or UriContent;

    private static AIContent? Translate(AIContent content, ChatRole role, HashSet<string> calls, HashSet<string> results, OmittedContents omitted)
    {
        if (IsKnown(content))
        {
            return content;
        }

        switch (content)
        {
            case McpServerToolCallContent call:
                return new FunctionCallContent(call.CallId, call.Name, call.Arguments);
            case McpServerToolResultContent result:
                return new FunctionResultContent(result.CallId, result.Outputs);
            case CodeInterpreterToolCallContent call:
                return new FunctionCallContent(call.CallId, "code_interpreter", Arguments("code", Text(call.Inputs, omitted)));
            case CodeInterpreterToolResultContent result:
                return new FunctionResultContent(result.CallId, result.Outputs);
            case WebSearchToolCallContent call:
                return new FunctionCallContent(call.CallId, "web_search", Arguments("queries", call.Queries?.ToList()));
            case WebSearchToolResultContent result:
                return new FunctionResultContent(result.CallId, result.Outputs);
            case ImageGenerationToolCallContent call:
                return new FunctionCallContent(call.CallId, "image_generation");
            case ImageGenerationToolResultContent result:
                return new FunctionResultContent(result.CallId, result.Outputs);

            // A call in an approval request is added only if the conversation does not contain the call itself.
            case ToolApprovalRequestContent { ToolCall: { } call } when calls.Add(call.CallId):
                return Translate(call, role, calls, results, omitted);
            case ToolApprovalResponseContent { Approved: false, ToolCall: { } call } denied when results.Add(call.CallId):
                return new FunctionResultContent(call.CallId,
                    $"Error: The call was rejected by the user.{(denied.Reason is { Length: > 0 } reason ? $" {reason}" : string.Empty)}");
            case ToolApprovalRequestContent or ToolApprovalResponseContent:
                return null;

            // A refusal by the assistant is an answer.
            case ErrorContent { ErrorCode: "Refusal", Message: { Length: > 0 } refusal } when role == ChatRole.Assistant:
                return new TextContent(refusal);
            default:
                omitted.Add(content);
                return null;
        }
    }

    private static Dictionary<string, object?> Arguments(string name, object? value) => new(StringComparer.Ordinal) { [name] = value };

    private static string Text(IList<AIContent>? contents, OmittedContents omitted)
    {
        var text = new StringBuilder();
        foreach (var content in contents ?? [])
        {
            switch (content)
            {
                case TextContent part:
                    text.Append(part.Text);
                    break;
                case DataContent data when ContentReader.TryReadText(data, out var part):
                    text.Append(part);
                    break;
                default:
                    omitted.Add(content);
                    break;
            }
        }

        return text.ToString();
    }

    private static ArgumentException Missing(int index, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"The message at index {index} of the conversation {what}."));

    private static HashSet<string> Ids<T>(IReadOnlyList<ChatMessage> messages, Func<T, string> id) =>
        messages.SelectMany(static message => message.Contents).OfType<T>().Select(id).ToHashSet(StringComparer.Ordinal);
}
