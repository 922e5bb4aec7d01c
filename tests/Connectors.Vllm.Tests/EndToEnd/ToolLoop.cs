using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Runs a question through the function-invoking client of Microsoft.Extensions.AI.</summary>
internal static class ToolLoop
{
    public static async Task<(ChatResponse Last, List<ChatMessage> History)> RunAsync(
        IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions options, bool streaming, CancellationToken cancellationToken)
    {
        List<ChatMessage> history = [.. messages];

        // Not disposed: that would dispose the client below.
        var invoking = client.AsBuilder().UseFunctionInvocation().Build();
        var response = streaming
            ? await invoking.GetStreamingResponseAsync(history, options, cancellationToken).ToChatResponseAsync(cancellationToken)
            : await invoking.GetResponseAsync(history, options, cancellationToken);
        history.AddMessages(response);
        return (new ChatResponse(response.Messages[^1]) { FinishReason = response.FinishReason }, history);
    }
}
