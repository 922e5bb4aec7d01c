using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>The validation of mistral-common, which refuses conversations that the model was not trained on.</summary>
internal sealed partial class MistralValidator(MistralPromptVersion version, bool continuesFinal)
{
    private bool ChecksIds => version >= MistralPromptVersion.V11;

    /// <exception cref="ChatTemplateException">The conversation breaks a rule of the format.</exception>
    public void Check(IReadOnlyList<MistralMessage> messages, IReadOnlyList<PromptTool> tools)
    {
        if (messages.Count == 0 || (messages.Count == 1 && messages[0].Role is not ("user" or "system")))
        {
            throw new ChatTemplateException("A conversation with a Mistral model must start with a user or system message.");
        }

        if (messages[^1].Role == "assistant" && messages.Count > 1 && !continuesFinal)
        {
            throw messages[^1].Error("the last message must be from the user or a tool, or from the assistant if it is to be continued");
        }

        foreach (var tool in tools)
        {
            CheckName(tool.Name, $"The tool name '{tool.Name}'");
            JsonSchemaCheck.Check(tool.Parameters, tool.Name);
        }

        CheckOrder(messages);
        CheckCalls(messages);
        foreach (var message in messages)
        {
            CheckMessage(message);
        }
    }

    private static void CheckOrder(IReadOnlyList<MistralMessage> messages)
    {
        for (var i = 1; i < messages.Count; i++)
        {
            var (before, role) = (messages[i - 1].Role, messages[i].Role);
            var allowed = before switch
            {
                "system" or "user" => role is "user" or "assistant" or "system",
                _ => role is "assistant" or "user" or "tool",
            };
            if (!allowed)
            {
                throw messages[i].Error($"a message of this role must not follow one of role '{before}'");
            }
        }
    }

    private void CheckCalls(IReadOnlyList<MistralMessage> messages)
    {
        var open = 0;
        var pending = new HashSet<string>(StringComparer.Ordinal);
        var answered = new HashSet<string>(StringComparer.Ordinal);
        foreach (var message in messages.Skip(1))
        {
            if (message.Role == "tool")
            {
                open--;
                if (ChecksIds && !pending.Remove(message.CallId!))
                {
                    var fault = answered.Contains(message.CallId!) ? "there is already a result for" : "no call has";
                    throw message.Error($"{fault} the id '{message.CallId}'");
                }

                answered.Add(message.CallId!);
            }
            else if (message.Role == "assistant")
            {
                if (ChecksIds ? pending.Count > 0 : open != 0)
                {
                    throw message.Error("the number of tool results before it differs from the number of tool calls");
                }

                open = message.Calls.Count;
                answered.Clear();
                foreach (var call in message.Calls)
                {
                    if (!pending.Add(call.Id) && ChecksIds)
                    {
                        throw message.Error($"the tool call id '{call.Id}' occurs twice (only the last 9 characters of an id count)");
                    }
                }
            }
        }
    }

    private void CheckMessage(MistralMessage message)
    {
        foreach (var chunk in message.Chunks)
        {
            var allowed = chunk.Kind == MistralChunkKind.Text || (chunk.Kind, message.Role) switch
            {
                (MistralChunkKind.Image, "user") => true,
                (MistralChunkKind.Image, "tool") => version >= MistralPromptVersion.V15,
                (MistralChunkKind.Think, "assistant") => version >= MistralPromptVersion.V13,
                (MistralChunkKind.Think, "system") => version == MistralPromptVersion.V13,
                _ => false,
            };
            if (!allowed)
            {
                throw message.Error($"Mistral's prompt format {version} does not accept content of kind '{chunk.Kind}' there");
            }
        }

        if (message.Role == "assistant" && version == MistralPromptVersion.V3 && HasContent(message) == message.Calls.Count > 0)
        {
            throw message.Error("Mistral's prompt format V3 requires either content or tool calls, but not both");
        }

        foreach (var call in message.Calls)
        {
            CheckName(call.Name, $"messages[{message.Index}]: the function name '{call.Name}'");
            CheckId(message, call.Id);
        }

        if (message.Role == "tool")
        {
            CheckId(message, message.CallId!);
            if (message.Name is { } name)
            {
                CheckName(name, $"messages[{message.Index}]: the name '{name}'");
            }
        }
    }

    private static bool HasContent(MistralMessage message) => message.IsPlain ? message.Text.Length > 0 : message.Chunks.Count > 0;

    private void CheckId(MistralMessage message, string id)
    {
        if (version >= MistralPromptVersion.V13 ? id is "" or "null" : !ShortId().IsMatch(id))
        {
            var shape = version >= MistralPromptVersion.V13 ? "any text but 'null'" : "9 letters and digits";
            throw message.Error($"the tool call id '{id}' must be {shape}");
        }
    }

    private static void CheckName(string name, string what)
    {
        if (!FunctionName().IsMatch(name))
        {
            throw new ChatTemplateException($"{what} must have 1 to 64 of the characters a-z, A-Z, 0-9, _ and -.");
        }
    }

    [GeneratedRegex(@"^[a-zA-Z0-9]{9}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShortId();

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex FunctionName();
}

/// <summary>Whether a tool's parameters are a JSON Schema by the meta-schema of draft 7 (https://json-schema.org/draft-07/schema).</summary>
internal static class JsonSchemaCheck
{
    private static readonly string[] Types = ["array", "boolean", "integer", "null", "number", "object", "string"];

    /// <exception cref="ChatTemplateException">The parameters are not a valid schema.</exception>
    public static void Check(PromptValue? parameters, string tool)
    {
        if (parameters is { IsTruthy: true } && Fault(parameters, "parameters") is { } fault)
        {
            throw new ChatTemplateException($"The parameters of the tool '{tool}' are not a valid JSON Schema: {fault}.");
        }
    }

    private static string? Fault(PromptValue schema, string path)
    {
        if (schema.IsBoolean)
        {
            return null;
        }

        if (!schema.IsObject)
        {
            return $"{path} must be an object or a boolean";
        }

        foreach (var (key, value) in schema.Members)
        {
            if (KeywordFault(key, value, $"{path}.{key}") is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static string? KeywordFault(string key, PromptValue value, string path) => key switch
    {
        "$id" or "$schema" or "$ref" or "$comment" or "title" or "description" or "pattern" or "format" or "contentMediaType" or "contentEncoding"
            => Expect(value.IsString, path, "a string"),
        "readOnly" or "writeOnly" or "uniqueItems" => Expect(value.IsBoolean, path, "a boolean"),
        "examples" => Expect(value.IsArray, path, "a list"),
        "multipleOf" => Expect(value.IsNumber && value.AsDouble() > 0, path, "a number above 0"),
        "maximum" or "exclusiveMaximum" or "minimum" or "exclusiveMinimum" => Expect(value.IsNumber, path, "a number"),
        "maxLength" or "minLength" or "maxItems" or "minItems" or "maxProperties" or "minProperties"
            => Expect(value.IsNumber && value.AsDouble() >= 0 && double.IsInteger(value.AsDouble()), path, "a whole number from 0"),
        "required" => Expect(IsDistinctStrings(value), path, "a list of distinct strings"),
        "enum" => Expect(value.IsArray, path, "a list"),
        "type" => Expect(
            IsType(value) || (value is { IsArray: true, Items.Count: > 0 } && IsDistinctStrings(value) && value.Items.All(IsType)),
            path,
            "a type name or a list of them"),
        "items" => value.IsArray ? ListFault(value, path) : Fault(value, path),
        "allOf" or "anyOf" or "oneOf" => value is { IsArray: true, Items.Count: > 0 }
            ? ListFault(value, path)
            : $"{path} must be a list that is not empty",
        "additionalItems" or "contains" or "additionalProperties" or "propertyNames" or "not" or "if" or "then" or "else" => Fault(value, path),
        "properties" or "patternProperties" or "definitions" => MapFault(value, path, Fault),
        "dependencies" =>
            MapFault(value, path, (item, itemPath) => item.IsArray
                ? Expect(IsDistinctStrings(item), itemPath, "a list of distinct strings")
                : Fault(item, itemPath)),
        _ => null,
    };

    private static string? Expect(bool holds, string path, string what) => holds ? null : $"{path} must be {what}";

    private static bool IsType(PromptValue value) => value.StringOrNull is { } name && Types.Contains(name);

    private static bool IsDistinctStrings(PromptValue value) =>
        value.IsArray && value.Items.All(item => item.IsString)
            && value.Items.Select(item => item.Text).Distinct(StringComparer.Ordinal).Count() == value.Items.Count;

    private static string? ListFault(PromptValue list, string path) =>
        list.Items.Select((item, index) => Fault(item, $"{path}[{index}]")).FirstOrDefault(fault => fault is not null);

    private static string? MapFault(PromptValue map, string path, Func<PromptValue, string, string?> check) =>
        !map.IsObject
            ? $"{path} must be an object"
            : map.Members.Select(member => check(member.Value, $"{path}.{member.Key}")).FirstOrDefault(fault => fault is not null);
}
