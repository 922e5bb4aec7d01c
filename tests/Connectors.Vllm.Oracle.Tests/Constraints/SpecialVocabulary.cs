using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>
/// A vocabulary of all bytes, in which the formats' markers are special tokens. MiniMax M3's mark is not among them: llguidance's tokenizer finds
/// special tokens in a text by their first character, and does not look for one that begins with a bracket turned around.
/// </summary>
internal static class SpecialVocabulary
{
    private static readonly string[] Markers =
    [
        "<think>", "</think>", "<tool_call>", "</tool_call>", "<seed:tool_call>", "</seed:tool_call>", "<seed:think>", "</seed:think>", "<arg_key>",
        "</arg_key>", "<arg_value>", "</arg_value>",
        "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>",
        "｜DSML｜", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
        "<｜tool_calls_begin｜>", "<｜tool_calls_end｜>", "<｜tool_call_begin｜>", "<｜tool_call_end｜>", "<｜tool_sep｜>",
        "[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]", "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|eom|>", "<|eot|>",
        "<|tool_call>", "<tool_call|>", "<|\"|>", "<|channel>", "<channel|>", "<start_function_call>", "<end_function_call>", "<escape>",
        "<|START_ACTION|>", "<|END_ACTION|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<|START_THINKING|>",
        "<|END_THINKING|>",
        "<minimax:tool_call>", "</minimax:tool_call>", "<mm:think>", "</mm:think>", "<|open|>", "<|close|>", "<|sep|>",
        "<|message_model|>", "<|content_invoke_tool_json|>", "<|content_text|>", "<|content_thinking|>", "<|end_message|>", "<|tools_prefix|>",
        "<|tools_suffix|>",
        "<|plamo:begin_", "<|plamo:end_", ":plamo|>", "<|tool_call:start|>", "<|tool_call:end|>", "<|tool_arg:start|>", "<|tool_arg:value|>",
        "<|tool_arg:end|>",
        "<|think:start|>", "<|think:end|>", "<|action_start|>", "<|action_end|>", "<|plugin|>", "<|function_call|>", "<TOOLCALL>", "</TOOLCALL>",
        "<tool_calls>", "</tool_calls>",
        "<ifm|tool_calls>", "</ifm|tool_calls>", "<ifm|tool_call>", "</ifm|tool_call>", "<longcat_tool_call>", "</longcat_tool_call>",
        "<dots_function_call>", "</dots_function_call>",
    ];

    public static IReadOnlyDictionary<int, string> Tokens { get; } = Markers.Select((marker, i) => (Id: 256 + i, marker))
        .ToDictionary(pair => pair.Id, pair => pair.marker);

    public static string TokenizerJson
    {
        get
        {
            var added = new JsonArray();
            foreach (var (id, marker) in Tokens)
            {
                added.Add((JsonNode)new JsonObject
                {
                    ["id"] = id,
                    ["content"] = marker,
                    ["single_word"] = false,
                    ["lstrip"] = false,
                    ["rstrip"] = false,
                    ["normalized"] = false,
                    ["special"] = true,
                });
            }

            return new JsonObject
            {
                ["version"] = "1.0",
                ["truncation"] = null,
                ["padding"] = null,
                ["added_tokens"] = added,
                ["normalizer"] = null,
                ["pre_tokenizer"] = ByteLevel(),
                ["post_processor"] = null,
                ["decoder"] = ByteLevel(),
                ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = Bytes(), ["merges"] = new JsonArray() },
            }.ToJsonString();
        }
    }

    private static JsonObject ByteLevel() =>
        new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = false };

    /// <summary>Bytes as byte-level vocabularies write them: printable ones as themselves, the others from U+0100 on.</summary>
    private static JsonObject Bytes()
    {
        var vocabulary = new JsonObject();
        var next = 0x100;
        for (var value = 0; value < 256; value++)
        {
            var isPrintable = value is (> 0x20 and < 0x7F) or (> 0xA0 and not 0xAD);
            vocabulary[new Rune(isPrintable ? value : next++).ToString()] = value;
        }

        return vocabulary;
    }
}
