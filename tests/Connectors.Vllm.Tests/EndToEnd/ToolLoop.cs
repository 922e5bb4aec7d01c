using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>What the function-invoking middleware does, in its simplest form: call what the model asks for until it answers.</summary>
internal static class ToolLoop
{
    public static async Task<(ChatResponse Last, List<ChatMessage> History)> RunAsync(
        IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions options, bool streaming, CancellationToken cancellationToken)
    {
        List<ChatMessage> history = [.. messages];
        ChatOptions current = options.Clone();
        while (true)
        {
            ChatResponse response = streaming
                ? await client.GetStreamingResponseAsync(history, current, cancellationToken).ToChatResponseAsync(cancellationToken)
                : await client.GetResponseAsync(history, current, cancellationToken);
            history.AddMessages(response);
            List<FunctionCallContent> calls = [.. response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>()];
            if (calls.Count == 0)
            {
                return (response, history);
            }

            var results = new List<AIContent>();
            foreach (FunctionCallContent call in calls)
            {
                AIFunction function = options.Tools!.OfType<AIFunction>().Single(tool => tool.Name == call.Name);
                results.Add(new FunctionResultContent(call.CallId, await function.InvokeAsync(new AIFunctionArguments(call.Arguments), cancellationToken)));
            }

            history.Add(new ChatMessage(ChatRole.Tool, results));

            // A forced choice is for the first round only; otherwise no round would be the last.
            current.ToolMode = current.ToolMode is RequiredChatToolMode ? null : current.ToolMode;
        }
    }
}
