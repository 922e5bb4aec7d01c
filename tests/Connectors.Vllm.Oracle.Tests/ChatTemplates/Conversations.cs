using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>
/// Conversations that reach every corner of chat templates: system texts, thinking, tools, parallel calls, parts, documents, odd text.
/// </summary>
internal static class Conversations
{
    private const string Tools =
        """
        [{"type":"function","function":{"name":"get_weather","description":"The weather of a city, \"now\" & <then>","parameters":{"type":"object","properties":{"city":{"type":"string","description":"City – größe"},"days":{"type":"integer","minimum":1,"default":3},"unit":{"type":"string","enum":["C","F"]},"tags":{"type":"array","items":{"type":"string"}}},"required":["city"]}}},
         {"type":"function","function":{"name":"add","description":"Adds numbers","parameters":{"type":"object","properties":{"a":{"type":"number"},"b":{"type":["number","null"]}},"required":["a","b"],"additionalProperties":false}}}]
        """;

    private const string Weird = "  \\n\u00a0\"quotes\" 'single' <b>&amp;</b> {{ x }} {% y %} 日本語 🎉 é\u2028\u001c \t";

    public static IReadOnlyDictionary<string, JsonObject> All { get; } = new Dictionary<string, string>
    {
        ["single"] = """{"messages":[{"role":"user","content":"Hello there"}],"add_generation_prompt":true}""",
        ["system"] = """{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"add_generation_prompt":true}""",
        ["closed"] = """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]}""",
        ["turns with thinking"] = """
            {"messages":[{"role":"system","content":"S"},{"role":"user","content":"1+1?"},{"role":"assistant","content":"<think>\nadd\n</think>\n\n2"},
            {"role":"user","content":"2+2?"},{"role":"assistant","content":"<think>again</think>4"},{"role":"user","content":"thanks"}],"add_generation_prompt":true}
            """,
        ["tools"] =
            $$"""{"messages":[{"role":"system","content":"Use tools."},{"role":"user","content":"Weather in """
                + $$"""Köln?"}],"tools":{{Tools}},"add_generation_prompt":true}""",
        ["tools without system"] = $$"""{"messages":[{"role":"user","content":"Weather?"}],"tools":{{Tools}},"add_generation_prompt":true}""",
        ["call and result"] = $$"""
            {"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"id":"call_1_abc","type":"function","function":{"name":"get_weather","arguments":{"city":"Köln","days":2,"deep":{"a":[1,2.5,true,null],"b":"it's"} } } }]},
            {"role":"tool","tool_call_id":"call_1_abc","name":"get_weather","content":"{\"temp\": 21}"}],"tools":{{Tools}},"add_generation_prompt":true}
            """,
        ["parallel calls"] = $$"""
            {"messages":[{"role":"system","content":"S"},{"role":"user","content":"Both?"},{"role":"assistant","content":"Let me see.","tool_calls":[{"id":"functions.get_weather:0","type":"function","function":{"name":"get_weather","arguments":{"city":"Rom"} } },{"id":"functions.add:1","type":"function","function":{"name":"add","arguments":{"a":1,"b":2.0} } }]},
            {"role":"tool","tool_call_id":"functions.get_weather:0","name":"get_weather","content":"sunny"},{"role":"tool","tool_call_id":"functions.add:1","name":"add","content":"3"},
            {"role":"assistant","content":"Sunny, and 3."},{"role":"user","content":"ok"}],"tools":{{Tools}},"add_generation_prompt":true}
            """,
        ["nine-letter ids"] = $$"""
            {"messages":[{"role":"user","content":"Go"},{"role":"assistant","tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"add","arguments":{"a":1,"b":2} } }]},
            {"role":"tool","tool_call_id":"abcdefghi","name":"add","content":"3"},{"role":"assistant","content":"3"},{"role":"user","content":"more"}],"tools":{{Tools}},"add_generation_prompt":true}
            """,
        ["arguments as text"] = $$"""
            {"messages":[{"role":"user","content":"Go"},{"role":"assistant","content":null,"tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"add","arguments":"{\"a\": 1, \"b\": 2}"} }]},
            {"role":"tool","tool_call_id":"abcdefghi","content":"3"}],"tools":{{Tools}} }
            """,
        ["parts"] = """
            {"messages":[{"role":"system","content":[{"type":"text","text":"Sys"}]},{"role":"user","content":[{"type":"text","text":"What is "},{"type":"text","text":"this?"}]},
            {"role":"assistant","content":[{"type":"text","text":"That."}]},{"role":"user","content":[{"type":"text","text":"ok"}]}],"add_generation_prompt":true}
            """,
        ["image parts"] = """
            {"messages":[{"role":"user","content":[{"type":"image"},{"type":"text","text":"Describe."},{"type":"image_url","image_url":{"url":"data:x"}},{"type":"video"},{"type":"audio"}]}],"add_generation_prompt":true}
            """,
        ["thinking off"] =
            """{"messages":[{"role":"user","content":"Quick"}],"kwargs":{"enable_thinking":false,"thinking":false},"add_generation_prompt":true}""",
        ["thinking on"] =
            """{"messages":[{"role":"user","content":"Slow"}],"kwargs":{"enable_thinking":true,"thinking":true,"reasoning_effort":"high"},"add_ge"""
                + """neration_prompt":true}""",
        ["reasoning history"] = """
            {"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"because","reasoning":"because"},{"role":"user","content":"c"},
            {"role":"assistant","content":"d","reasoning_content":"\n\nsince  ","reasoning":"since","tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"add","arguments":{"a":"x"} } }]},
            {"role":"tool","tool_call_id":"abcdefghi","content":"r"}],"add_generation_prompt":true}
            """,
        ["documents"] = """
            {"messages":[{"role":"user","content":"Find it"}],"documents":[{"title":"T1","text":"Body one","doc_id":1},{"title":"T2","text":"Body two","contents":"c","doc_id":"2"}],"add_generation_prompt":true}
            """,
        ["continue"] =
            """{"messages":[{"role":"user","content":"Write"},{"role":"assistant","content":"Once upon"}],"continue_final_message":true}""",
        ["continue blank"] =
            """{"messages":[{"role":"user","content":"Write"},{"role":"assistant","content":"Once upon \n"}],"continue_final_message":true}""",
        ["continue parts"] =
            """{"messages":[{"role":"user","content":"Write"},{"role":"assistant","content":[{"type":"text","text":"Once"},{"type":"text","tex"""
                + """t":"upon"}]}],"continue_final_message":true}""",
        ["continue reasoning"] =
            """{"messages":[{"role":"user","content":"Write"},{"role":"assistant","content":"x","reasoning_content":"Let """
                + """me"}],"continue_final_message":"reasoning_content"}""",
        ["weird text"] =
            $$"""{"messages":[{"role":"system","content":{{Json(Weird)}}},{"role":"user","content":{{Json(Weird)}}},{"role":"assistant","conten"""
                + $$"""t":{{Json(Weird)}}},{"role":"user","content":""}],"add_generation_prompt":true}""",
        ["two users"] = """{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}],"add_generation_prompt":true}""",
        ["assistant first"] = """{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"b"}],"add_generation_prompt":true}""",
        ["late system"] =
            """{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"}],"add_generation_prompt":"""
                + """true}""",
        ["developer"] = """{"messages":[{"role":"developer","content":"Be terse"},{"role":"user","content":"a"}],"add_generation_prompt":true}""",
        ["odd role"] =
            """{"messages":[{"role":"ipython","content":"a"},{"role":"function","name":"f","content":"b"}],"add_generation_prompt":true}""",
        ["no content"] = """{"messages":[{"role":"user"},{"role":"assistant","content":null}]}""",
        ["empty"] = """{"messages":[],"add_generation_prompt":true}""",
        ["no tools in list"] = """{"messages":[{"role":"user","content":"a"}],"tools":[],"add_generation_prompt":true}""",
        ["builtin tools"] =
            """{"messages":[{"role":"user","content":"a"}],"kwargs":{"builtin_tools":["wolfram_alpha","browser"],"date_string":"01 Jan """
                + """2026","tools_in_user_message":false,"model_identity":"I am"},"add_generation_prompt":true}""",
        ["any-typed schema"] = """
            {"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","description":null,"parameters":{"type":"object","properties":{"x":{"anyOf":[{"type":"string"},{"type":"null"}]},"y":{"$ref":"#/$defs/Y"},"z":{"type":"array","items":{}}},"$defs":{"Y":{"type":"object"}}}}}],"add_generation_prompt":true}
            """,
        ["no parameters"] =
            """{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"add_generation_prompt":true}""",
    }.ToDictionary(pair => pair.Key, pair => WithDefaults(pair.Value));

    private static JsonObject WithDefaults(string json)
    {
        var node = JsonNode.Parse(json)!.AsObject();
        node["special_tokens"] = new JsonObject { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["pad_token"] = "<pad>", ["unk_token"] = "<unk>" };
        node["now"] = "2026-03-05T14:07:09";
        return node;
    }

    private static string Json(string text) => JsonValue.Create(text).ToJsonString();
}
