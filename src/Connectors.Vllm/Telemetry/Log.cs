using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>Log messages. Event ids are stable. Prompts and answers appear at Trace only.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Model {Model}: files from {Origin}, format {Format} ({Reason}), context {Context} tokens")]
    public static partial void ProfileLoaded(ILogger logger, string model, string origin, string format, string reason, int context);

    [LoggerMessage(2, LogLevel.Debug, "Model files: {Attempt}")]
    public static partial void SourceFailed(ILogger logger, string attempt);

    [LoggerMessage(3, LogLevel.Information, "Downloading {File} from {Endpoint} ({Bytes} bytes, {Present} already here)")]
    public static partial void Downloading(ILogger logger, string file, Uri endpoint, long bytes, long present);

    [LoggerMessage(4, LogLevel.Warning, "The server now serves '{New}' instead of '{Old}'; loading its tokenizer and template")]
    public static partial void ModelChanged(ILogger logger, string old, string @new);

    [LoggerMessage(5, LogLevel.Warning, "{Keys} in the configuration: ignored, because these are not options of {Type} that configuration can set, "
        + "which are {Names}")]
    public static partial void UnknownConfigurationKey(ILogger logger, string keys, string type, string names);

    [LoggerMessage(10, LogLevel.Information, "Left out of the prompt, because chat templates do not support it: {Contents}")]
    public static partial void ContentsLeftOut(ILogger logger, string contents);

    [LoggerMessage(11, LogLevel.Warning, "The tool '{Tool}' of type {Type} was ignored: vLLM servers do not run hosted tools")]
    public static partial void ToolSkipped(ILogger logger, string tool, string type);

    [LoggerMessage(12, LogLevel.Information, "The option {Option} was ignored: {Reason}")]
    public static partial void OptionIgnored(ILogger logger, string option, string reason);

    [LoggerMessage(13, LogLevel.Information, "The conversation was adapted to what the chat template supports")]
    public static partial void HistoryRepaired(ILogger logger);

    [LoggerMessage(19, LogLevel.Information, "The prompt is incomplete, as AllowIncompletePrompts allows: {Loss}")]
    public static partial void IncompletePrompt(ILogger logger, string loss);

    [LoggerMessage(14, LogLevel.Warning, "{Warning}")]
    public static partial void ConstraintWarning(ILogger logger, string warning);

    [LoggerMessage(15, LogLevel.Trace, "The chat template rejected the history: {Reason}")]
    public static partial void HistoryRefused(ILogger logger, string reason);

    [LoggerMessage(16, LogLevel.Warning, "AdditionalProperties['{Key}'] is not a known vLLM parameter and is ignored; this "
        + "is logged once")]
    public static partial void UnknownOption(ILogger logger, string key);

    [LoggerMessage(17, LogLevel.Warning, "A function returned a {Type}, which cannot be serialized as JSON; this was reported to the model")]
    public static partial void ToolResultUnusable(ILogger logger, string type, Exception exception);

    [LoggerMessage(18, LogLevel.Warning, "Request {RequestId}: the JSON answer reached its token limit and {Reason}. Allow more tokens "
        + "(MaxOutputTokens) or request less")]
    public static partial void AnswerCut(ILogger logger, string requestId, string reason);

    [LoggerMessage(25, LogLevel.Warning, "Request {RequestId}: the answer satisfies its constraint and is delivered, although the server failed at "
        + "its end: {Reason}")]
    public static partial void EndRefused(ILogger logger, string requestId, string reason);

    [LoggerMessage(20, LogLevel.Debug, "Request {RequestId}: {PromptTokens} prompt tokens, at most {MaxTokens} output tokens")]
    public static partial void RequestPrepared(ILogger logger, string requestId, int promptTokens, int? maxTokens);

    [LoggerMessage(21, LogLevel.Debug, "Request {RequestId}: {OutputTokens} output tokens, finish reason {Reason}")]
    public static partial void RequestCompleted(ILogger logger, string requestId, long outputTokens, string reason);

    [LoggerMessage(22, LogLevel.Debug, "Request {RequestId} ended early on the client; aborting it on the server")]
    public static partial void RequestAbandoned(ILogger logger, string requestId);

    [LoggerMessage(24, LogLevel.Warning,
        "Request {RequestId}: the model wrote {Calls} function call(s) although the tool mode allows none; they are part of the text")]
    public static partial void CallsShownAsText(ILogger logger, string requestId, int calls);

    [LoggerMessage(23, LogLevel.Trace, "Request {RequestId} prompt: {Prompt}")]
    public static partial void Prompt(ILogger logger, string requestId, string prompt);
}
