using System.Text.RegularExpressions;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>The checks that mistral-common makes before it renders; a conversation the model was never trained on is refused.</summary>
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
            throw messages[^1].Error("the last message must be the user's or a tool's, or the assistant's when it is to be continued");
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
                throw message.Error($"Mistral's prompt format {version} takes no content of kind '{chunk.Kind}' there");
            }
        }

        if (message.Role == "assistant" && version == MistralPromptVersion.V3 && HasContent(message) == message.Calls.Count > 0)
        {
            throw message.Error("Mistral's prompt format V3 takes either content or tool calls, not both and not neither");
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
