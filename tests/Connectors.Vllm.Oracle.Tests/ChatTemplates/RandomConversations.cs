using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Random conversations in the OpenAI form, with everything optional now and then left out or odd.</summary>
internal sealed class RandomConversations(int seed)
{
    private static readonly string[] Texts =
    [
        "", " ", "Hello", "  padded \n", "<think>\nreason\n</think>\n\nanswer", "<think></think>x", "</think>", "a\n\nb\n", "{\"k\": [1, 2]}", "[]",
        "<tool_response>x</tool_response>", "日本語 🎉", "it's \"quoted\" & <b>", "\u001c\u00a0x\u2028", "line\r\nline", "[INST] x [/INST]", "/no_think",
        "/think on", "0", "False",
    ];

    private readonly Random _random = new(seed);

    public JsonObject Next()
    {
        var messages = new JsonArray();
        if (_random.Next(2) == 0)
        {
            messages.Add(Message(_random.Next(6) == 0 ? "developer" : "system", Content()));
        }

        for (var i = _random.Next(1, 5); i > 0; i--)
        {
            messages.Add(Message(_random.Next(15) == 0 ? "assistant" : "user", Content()));
            if (i > 1 || _random.Next(3) == 0)
            {
                AddAnswer(messages);
            }
        }

        var root = new JsonObject
        {
            ["messages"] = messages,
            ["add_generation_prompt"] = _random.Next(3) > 0,
            ["special_tokens"] = new JsonObject { ["bos_token"] = "<s>", ["eos_token"] = "</s>" },
            ["now"] = "2026-11-23T08:05:09",
        };
        if (_random.Next(2) == 0)
        {
            root["tools"] = new JsonArray([.. Enumerable.Range(0, _random.Next(0, 3)).Select(Tool)]);
        }

        if (_random.Next(5) == 0)
        {
            root["documents"] = new JsonArray(new JsonObject { ["title"] = Text(), ["text"] = Text(), ["doc_id"] = _random.Next(9) });
        }

        if (_random.Next(2) == 0)
        {
            var kwargs = new JsonObject();
            foreach (var name in new[] { "enable_thinking", "thinking", "keep_reasoning", "add_vision_id", "preserve_thinking" })
            {
                if (_random.Next(2) == 0)
                {
                    kwargs[name] = _random.Next(2) == 0;
                }
            }

            if (_random.Next(3) == 0)
            {
                kwargs["reasoning_effort"] = Pick("low", "medium", "high", "none", "max");
            }

            root["kwargs"] = kwargs;
        }

        if (_random.Next(6) == 0)
        {
            root["add_generation_prompt"] = false;
            root["continue_final_message"] = true;
        }

        return root;
    }

    private void AddAnswer(JsonArray messages)
    {
        var answer = Message("assistant", _random.Next(6) == 0 ? null : Content());
        if (_random.Next(3) == 0)
        {
            answer["reasoning_content"] = Text();
            answer["reasoning"] = answer["reasoning_content"]!.DeepClone();
        }

        messages.Add(answer);
        if (_random.Next(3) > 0)
        {
            return;
        }

        var calls = new JsonArray();
        for (var i = _random.Next(1, 3); i > 0; i--)
        {
            calls.Add(new JsonObject
            {
                ["id"] = $"call{i:00000}",
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = $"tool_{i}", ["arguments"] = _random.Next(8) == 0 ? "{\"a\": 1}" : Arguments() },
            });
        }

        answer["tool_calls"] = calls;
        foreach (var call in calls)
        {
            var result = Message("tool", Content());
            result["tool_call_id"] = call!["id"]!.DeepClone();
            if (_random.Next(2) == 0)
            {
                result["name"] = call["function"]!["name"]!.DeepClone();
            }

            messages.Add(result);
        }

        if (_random.Next(2) == 0)
        {
            messages.Add(Message("assistant", Content()));
        }
    }

    private static JsonObject Message(string role, JsonNode? content) => new() { ["role"] = role, ["content"] = content };

    private JsonNode Content() => _random.Next(5) == 0
        ? new JsonArray([.. Enumerable.Range(0, _random.Next(1, 3)).Select(_ => new JsonObject { ["type"] = "text", ["text"] = Text() })])
        : JsonValue.Create(Text());

    private JsonObject Arguments()
    {
        var arguments = new JsonObject();
        for (var i = _random.Next(0, 4); i > 0; i--)
        {
            arguments[$"arg{i}"] = Any(2);
        }

        return arguments;
    }

    private JsonNode? Any(int depth) => _random.Next(depth > 0 ? 9 : 7) switch
    {
        0 => null,
        1 => JsonValue.Create(_random.Next(2) == 0),
        2 => JsonValue.Create(_random.NextInt64()),
        3 => JsonNode.Parse(Pick("1.0", "1e5", "-0.0", "1e-7", "1e16", "123456789012345678901", "2.50", "0")),
        4 or 5 or 6 => JsonValue.Create(Text()),
        7 => new JsonArray(Any(depth - 1), Any(depth - 1)),
        _ => new JsonObject { ["k"] = Any(depth - 1), ["it's"] = Any(depth - 1) },
    };

    private JsonObject Tool(int number)
    {
        var properties = new JsonObject();
        for (var i = _random.Next(0, 3); i > 0; i--)
        {
            properties[$"arg{i}"] = new JsonObject { ["type"] = Pick("string", "integer", "boolean", "object", "number"), ["description"] = Text() };
            if (_random.Next(3) == 0)
            {
                properties[$"arg{i}"]!["enum"] = new JsonArray(Any(0), Any(0));
            }

            if (_random.Next(4) == 0)
            {
                properties[$"arg{i}"]!["type"] = new JsonArray("string", "null");
            }

            if (_random.Next(4) == 0)
            {
                properties[$"arg{i}"]!["items"] = new JsonObject { ["type"] = "string" };
            }
        }

        return new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = $"tool_{number}",
                ["description"] = Text(),
                ["parameters"] = new JsonObject { ["type"] = "object", ["properties"] = properties, ["required"] = new JsonArray("arg1") },
            },
        };
    }

    private string Text() => Pick(Texts);

    private string Pick(params string[] choices) => choices[_random.Next(choices.Length)];
}
