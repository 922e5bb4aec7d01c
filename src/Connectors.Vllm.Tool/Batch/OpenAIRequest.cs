using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>
/// A request in the form of OpenAI's chat and completion endpoints, as batch files and data sets hold them. What Microsoft.Extensions.AI has a member
/// for goes there; everything else goes on under its own name in <see cref="ChatOptions.AdditionalProperties"/>, where the client knows vLLM's names.
/// </summary>
internal static class OpenAIRequest
{
    /// <summary>A chat request: messages, and options on top of <paramref name="defaults"/>.</summary>
    /// <exception cref="FormatException">The body is not such a request; the message says where.</exception>
    public static (List<ChatMessage> Messages, ChatOptions Options) ReadChat(JsonElement body, ChatOptions defaults)
    {
        Require(body, JsonValueKind.Object, "body");
        if (!body.TryGetProperty("messages", out var messages) || messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
        {
            throw new FormatException("'messages' must be a list with at least one message");
        }

        var read = new List<ChatMessage>();
        foreach (var message in messages.EnumerateArray())
        {
            read.Add(ReadMessage(message, read.Count));
        }

        return (read, ReadOptions(body, defaults.Clone()));
    }

    /// <summary>Options of a body, on top of those given.</summary>
    public static ChatOptions ReadOptions(JsonElement body, ChatOptions options)
    {
        foreach (var property in body.EnumerateObject())
        {
            try
            {
                ReadOption(options, property.Name, property.Value);
            }
            catch (Exception exception) when (exception is InvalidOperationException or KeyNotFoundException or OverflowException)
            {
                throw new FormatException($"'{property.Name}' has a value of the wrong kind ({property.Value.ValueKind})", exception);
            }
        }

        return options;
    }

    /// <summary>Tools in OpenAI's form.</summary>
    public static List<AITool> ReadTools(JsonElement tools) =>
        [.. tools.EnumerateArray().Select(static tool =>
        {
            var function = tool.TryGetProperty("function", out var inner) ? inner : tool;
            return AIFunctionFactory.CreateDeclaration(
                function.GetProperty("name").GetString() ?? throw new FormatException("a tool has no name"),
                function.TryGetProperty("description", out var description) ? description.GetString() : null,
                function.TryGetProperty("parameters", out var parameters)
                    ? parameters.Clone()
                    : JsonDocument.Parse("""{"type":"object","properties":{}}""").RootElement);
        })];

    private static void ReadOption(ChatOptions options, string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        switch (name)
        {
            case "messages" or "prompt" or "stream" or "stream_options" or "user" or "metadata" or "store":
                break;
            case "model":
                options.ModelId = value.GetString();
                break;
            case "temperature":
                options.Temperature = value.GetSingle();
                break;
            case "top_p":
                options.TopP = value.GetSingle();
                break;
            case "top_k":
                options.TopK = value.GetInt32();
                break;
            case "max_tokens" or "max_completion_tokens":
                options.MaxOutputTokens = value.GetInt32();
                break;
            case "seed":
                options.Seed = value.GetInt64();
                break;
            case "frequency_penalty":
                options.FrequencyPenalty = value.GetSingle();
                break;
            case "presence_penalty":
                options.PresencePenalty = value.GetSingle();
                break;
            case "stop":
                options.StopSequences = value.ValueKind == JsonValueKind.String
                    ? [value.GetString()!]
                    : [.. value.EnumerateArray().Select(static stop => stop.GetString()!)];
                break;
            case "tools":
                options.Tools = ReadTools(value);
                break;
            case "tool_choice":
                options.ToolMode = ReadToolMode(value);
                break;
            case "parallel_tool_calls":
                options.AllowMultipleToolCalls = value.GetBoolean();
                break;
            case "response_format":
                options.ResponseFormat = ReadResponseFormat(value);
                break;
            default:
                (options.AdditionalProperties ??= [])[name] = value.Clone();
                break;
        }
    }

    private static ChatToolMode ReadToolMode(JsonElement value) => value.ValueKind == JsonValueKind.Object
        ? ChatToolMode.RequireSpecific(value.GetProperty("function").GetProperty("name").GetString()!)
        : value.GetString() switch
        {
            "none" => ChatToolMode.None,
            "required" => ChatToolMode.RequireAny,
            "auto" => ChatToolMode.Auto,
            var other => throw new FormatException($"'tool_choice' is '{other}'; auto, none, required or a function is expected"),
        };

    private static ChatResponseFormat ReadResponseFormat(JsonElement value) => value.GetProperty("type").GetString() switch
    {
        "text" => ChatResponseFormat.Text,
        "json_object" => ChatResponseFormat.Json,
        "json_schema" when value.GetProperty("json_schema") is var format => ChatResponseFormat.ForJsonSchema(
            format.GetProperty("schema").Clone(), format.TryGetProperty("name", out var name) ? name.GetString() : null),
        var other => throw new FormatException($"'response_format' has the type '{other}'; text, json_object or json_schema is expected"),
    };

    private static ChatMessage ReadMessage(JsonElement message, int index)
    {
        Require(message, JsonValueKind.Object, $"messages[{index}]");
        var role = message.TryGetProperty("role", out var named) && named.ValueKind == JsonValueKind.String
            ? named.GetString()!
            : throw new FormatException($"messages[{index}] has no 'role'");
        var contents = new List<AIContent>();
        if (Text(message, "reasoning_content") is { } reasoning || (reasoning = Text(message, "reasoning")) is not null)
        {
            contents.Add(new TextReasoningContent(reasoning));
        }

        if (role == "tool")
        {
            var id = Text(message, "tool_call_id") ?? throw new FormatException($"messages[{index}] is a tool message without 'tool_call_id'");
            contents.Add(new FunctionResultContent(id, message.TryGetProperty("content", out var result) ? ResultOf(result) : null));
            return new ChatMessage(ChatRole.Tool, contents);
        }

        ReadContent(message, index, contents);
        if (message.TryGetProperty("tool_calls", out var calls) && calls.ValueKind == JsonValueKind.Array)
        {
            foreach (var call in calls.EnumerateArray())
            {
                contents.Add(ReadCall(call, index, contents.Count));
            }
        }

        return new ChatMessage(new ChatRole(role), contents) { AuthorName = Text(message, "name") };
    }

    private static FunctionCallContent ReadCall(JsonElement call, int index, int position)
    {
        var function = call.TryGetProperty("function", out var inner)
            ? inner
            : throw new FormatException($"messages[{index}] has a tool call without 'function'");
        var name = Text(function, "name") ?? throw new FormatException($"messages[{index}] has a tool call without a name");
        var id = Text(call, "id") ?? $"call_{index}_{position}";
        return FunctionCallContent.CreateFromParsedArguments(
            Text(function, "arguments") ?? "{}",
            id,
            name,
            static json => JsonSerializer.Deserialize(json, ToolJson.Default.DictionaryStringObject));
    }

    private static void ReadContent(JsonElement message, int index, List<AIContent> contents)
    {
        if (!message.TryGetProperty("content", out var content) || content.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (content.ValueKind == JsonValueKind.String)
        {
            contents.Add(new TextContent(content.GetString()));
            return;
        }

        Require(content, JsonValueKind.Array, $"messages[{index}].content");
        foreach (var part in content.EnumerateArray())
        {
            contents.Add(Text(part, "type") switch
            {
                "text" => new TextContent(Text(part, "text")),
                "image_url" => Image(part.GetProperty("image_url")),
                var other => throw new FormatException($"messages[{index}] has a content part of the type '{other}'; text and image_url are "
                    + "supported"),
            });
        }
    }

    private static AIContent Image(JsonElement image)
    {
        var address = (image.ValueKind == JsonValueKind.String ? image.GetString() : Text(image, "url"))
            ?? throw new FormatException("an image has no 'url'");
        return address.StartsWith("data:", StringComparison.Ordinal) ? new DataContent(address) : new UriContent(address, "image/*");
    }

    private static object? ResultOf(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.String => content.GetString(),
        JsonValueKind.Array => string.Concat(content.EnumerateArray().Select(static part => Text(part, "text"))),
        _ => content.Clone(),
    };

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static void Require(JsonElement element, JsonValueKind kind, string what)
    {
        if (element.ValueKind != kind)
        {
            throw new FormatException($"{what} is a JSON {element.ValueKind}, not an {kind}");
        }
    }
}

/// <summary>Writes a response in the form of OpenAI's chat completion, so that programs that read batch results read these too.</summary>
internal static class OpenAIResponse
{
    public static void WriteCompletion(Utf8JsonWriter writer, ChatResponse response)
    {
        writer.WriteStartObject();
        writer.WriteString("id", response.ResponseId);
        writer.WriteString("object", "chat.completion");
        writer.WriteNumber("created", (response.CreatedAt ?? DateTimeOffset.UnixEpoch).ToUnixTimeSeconds());
        writer.WriteString("model", response.ModelId);
        writer.WriteStartArray("choices");
        for (var i = 0; i < response.Messages.Count; i++)
        {
            WriteChoice(writer, response, response.Messages[i], i);
        }

        writer.WriteEndArray();
        WriteUsage(writer, response.Usage);
        writer.WriteEndObject();
    }

    public static void WriteUsage(Utf8JsonWriter writer, UsageDetails? usage)
    {
        writer.WriteStartObject("usage");
        writer.WriteNumber("prompt_tokens", usage?.InputTokenCount ?? 0);
        writer.WriteNumber("completion_tokens", usage?.OutputTokenCount ?? 0);
        writer.WriteNumber("total_tokens", usage?.TotalTokenCount ?? 0);
        writer.WriteStartObject("prompt_tokens_details");
        writer.WriteNumber("cached_tokens", usage?.CachedInputTokenCount ?? 0);
        writer.WriteEndObject();
        writer.WriteStartObject("completion_tokens_details");
        writer.WriteNumber("reasoning_tokens", usage?.ReasoningTokenCount ?? 0);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteChoice(Utf8JsonWriter writer, ChatResponse response, ChatMessage message, int index)
    {
        writer.WriteStartObject();
        writer.WriteNumber("index", index);
        writer.WriteStartObject("message");
        writer.WriteString("role", message.Role.Value);
        var calls = message.Contents.OfType<FunctionCallContent>().ToList();
        writer.WriteString("content", message.Text.Length == 0 && calls.Count > 0 ? null : message.Text);
        var reasoning = string.Concat(message.Contents.OfType<TextReasoningContent>().Select(static part => part.Text));
        if (reasoning.Length > 0)
        {
            writer.WriteString("reasoning_content", reasoning);
        }

        WriteCalls(writer, calls);
        writer.WriteEndObject();
        writer.WriteString("finish_reason", response.FinishReason?.Value);
        if (message.AdditionalProperties?.TryGetValue("logprobs", out var logprobs) == true
            && logprobs is JsonElement { ValueKind: JsonValueKind.Array } tokens)
        {
            writer.WriteStartObject("logprobs");
            writer.WritePropertyName("content");
            tokens.WriteTo(writer);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    /// <summary>Reads the calls of an assistant message; none if it has none.</summary>
    public static void WriteCalls(Utf8JsonWriter writer, IReadOnlyList<FunctionCallContent> calls)
    {
        if (calls.Count == 0)
        {
            return;
        }

        writer.WriteStartArray("tool_calls");
        foreach (var call in calls)
        {
            writer.WriteStartObject();
            writer.WriteString("id", call.CallId);
            writer.WriteString("type", "function");
            writer.WriteStartObject("function");
            writer.WriteString("name", call.Name);
            writer.WriteString("arguments", ArgumentsOf(call));
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    public static string ArgumentsOf(FunctionCallContent call) =>
        call.AdditionalProperties?.TryGetValue("vllm.raw_arguments", out var raw) == true && raw is string text ? text
        : call.Arguments is { } arguments
            ? JsonSerializer.Serialize(new Dictionary<string, object?>(arguments), ToolJson.Default.DictionaryStringObject)
        : "{}";
}
