using Microsoft.Extensions.Logging;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Invokes the calls of one message like Semantic Kernel's own connectors: through the kernel's filters, which have access to the caller's settings
/// and history, with one tool message per result, and an error text for the model if a call fails. Used for one answer.
/// </summary>
internal sealed partial class FunctionInvoker(Kernel kernel, ChatHistory history, PromptExecutionSettings? settings, bool streaming)
{
    /// <summary>The maximum depth of prompt functions that call themselves, as in Semantic Kernel.</summary>
    private const int MaxDepth = 128;

    private static readonly AsyncLocal<int> Depth = new();

    private readonly ILogger _logger = kernel.LoggerFactory.CreateLogger("Connectors.Vllm.SemanticKernel");

    /// <summary>Whether this asynchronous flow may still invoke functions that make requests themselves.</summary>
    public static bool MayNest => Depth.Value < MaxDepth;

    /// <summary>Adds the message to the history and a tool message per call.</summary>
    /// <returns>The last tool message if a filter terminated the conversation; otherwise null, and another request follows.</returns>
    public async Task<ChatMessageContent?> InvokeAsync(
        ChatMessageContent message, FunctionChoices choices, int round, CancellationToken cancellationToken)
    {
        history.Add(message);
        FunctionCallContent[] calls = [.. FunctionCallContent.GetFunctionCalls(message)];
        var terminated = false;
        if (choices.Concurrent && calls.Length > 1)
        {
            var outcomes =
                await Task.WhenAll(calls.Select((call, index) => InvokeAsync(message, call, index, calls.Length, choices, round, cancellationToken)))
                .ConfigureAwait(false);
            foreach (var (result, ended) in outcomes)
            {
                history.Add(result);
                terminated |= ended;
            }
        }
        else
        {
            for (var i = 0; i < calls.Length && !terminated; i++)
            {
                (var result, terminated) = await InvokeAsync(message, calls[i], i, calls.Length, choices, round, cancellationToken)
                    .ConfigureAwait(false);
                history.Add(result);
            }
        }

        return terminated ? history[^1] : null;
    }

    private async Task<(ChatMessageContent Result, bool Terminated)> InvokeAsync(
        ChatMessageContent message, FunctionCallContent call, int index, int count, FunctionChoices choices, int round,
        CancellationToken cancellationToken)
    {
        if (Refusal(call, choices, out var function) is { } refusal)
        {
            LogRefused(_logger, call.FunctionName, refusal);
            return (ToMessage(call, refusal), false);
        }

        var context =
            new AutoFunctionInvocationContext(kernel, function!, new FunctionResult(function!) { Culture = kernel.Culture }, history, message)
            {
                Arguments = call.Arguments ?? [],
                RequestSequenceIndex = round,
                FunctionSequenceIndex = index,
                FunctionCount = count,
                ToolCallId = call.Id,
                ExecutionSettings = settings,
                IsStreaming = streaming,
                CancellationToken = cancellationToken,
            };
        Depth.Value++;
        try
        {
            await RunAsync(context, function!, filter: 0, cancellationToken).ConfigureAwait(false);
            return (ToMessage(call, context.Result.GetValue<object>()), context.Terminate);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(_logger, call.FunctionName, exception);
            return (ToMessage(call, exception), context.Terminate);
        }
        finally
        {
            Depth.Value--;
        }
    }

    /// <summary>Runs the kernel's nested filters, and the function innermost.</summary>
    private async Task RunAsync(AutoFunctionInvocationContext context, KernelFunction function, int filter, CancellationToken cancellationToken)
    {
        if (filter < kernel.AutoFunctionInvocationFilters.Count)
        {
            await kernel.AutoFunctionInvocationFilters[filter]
                .OnAutoFunctionInvocationAsync(context, next => RunAsync(next, function, filter + 1, cancellationToken)).ConfigureAwait(false);
        }
        else if (!context.Terminate)
        {
            // Without the settings, which apply to the conversation and not to requests of the function.
            context.Result = await function.InvokeAsync(kernel, context.Arguments, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Gets the reason why a call is not invoked, as text for the model.</summary>
    private string? Refusal(FunctionCallContent call, FunctionChoices choices, out KernelFunction? function)
    {
        function = null;
        if (call.Exception is { } malformed)
        {
            return $"Error: Function call processing failed. Correct yourself. {malformed.Message}";
        }

        if (choices.Find(FunctionNames.ToTool(call.PluginName, call.FunctionName)) is not { } advertised)
        {
            return "Error: Function call request for a function that wasn't defined. Correct yourself.";
        }

        // The kernel's function takes precedence, because a plugin may have been replaced.
        function = kernel.Plugins.TryGetFunction(call.PluginName, call.FunctionName, out var current) ? current : advertised;
        return null;
    }

    private static ChatMessageContent ToMessage(FunctionCallContent call, object? value)
    {
        var result = FunctionResults.Plain(value);
        var message = new ChatMessageContent(AuthorRole.Tool, result as string);
        message.Items.Add(new FunctionResultContent(call.FunctionName, call.PluginName, call.Id, result));
        return message;
    }

    [LoggerMessage(1, LogLevel.Warning, "The call to '{Function}' was not invoked: {Reason}")]
    private static partial void LogRefused(ILogger logger, string function, string reason);

    [LoggerMessage(2, LogLevel.Warning, "The function '{Function}' failed; this was reported to the model")]
    private static partial void LogFailed(ILogger logger, string function, Exception exception);
}
