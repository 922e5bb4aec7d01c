using System.Text.Json.Nodes;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// A model family as a folder: the small model's tokenizer with the family's own control tokens, a config.json that says the family, and a chat template of
/// our own in the family's style (none where the family's prompt is no template).
/// </summary>
internal sealed class FormatModel
{
    private readonly Lazy<string> _folder;

    private FormatModel(string name)
    {
        Name = name;
        _folder = new Lazy<string>(Write);
    }

    public string Name { get; }

    public string Folder => _folder.Value;

    /// <summary>Two calls at once: get_weather(city: Paris, days: 2) and now(), as the model writes them.</summary>
    public required string TwoCalls { get; init; }

    /// <summary>The model's words before an answer, to be followed by the answer and the end of the sequence.</summary>
    public string BeforeAnswer { get; init; } = "";

    /// <summary>A thought as the model writes it; empty for families that do not think.</summary>
    public string Thought { get; init; } = "";

    /// <summary>What the second prompt must hold of the two results.</summary>
    public required string[] ResultsInPrompt { get; init; }

    /// <summary>A JSON key of a structural tag that only this family's calls need.</summary>
    public string? TagMark { get; init; }

    private string ModelType { get; init; } = "llama";

    private string Architecture { get; init; } = "LlamaForCausalLM";

    private string[] Tokens { get; init; } = [];

    private string End { get; init; } = "<|im_end|>";

    private string? Template { get; init; }

    public static FormatModel Hermes { get; } = new("hermes")
    {
        ModelType = "qwen3",
        Architecture = "Qwen3ForCausalLM",
        Thought = "<think>\nTwo tools fit.\n</think>\n\n",
        TwoCalls = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
        ResultsInPrompt = ["<tool_response>\n2 sunny days in Paris\n</tool_response>", "<tool_response>\n12:00\n</tool_response>"],
        TagMark = "<tool_call>",
        Template = ChatMl("""
            {{- message.content }}{% for call in message.tool_calls or [] %}{% if not loop.first %}{{ '\n' }}{% endif %}{{ '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{{ '}\n</tool_call>' }}{% endfor %}
            """),
    };

    public static FormatModel QwenCoder { get; } = new("qwen3_coder")
    {
        ModelType = "qwen3_next",
        Architecture = "Qwen3NextForCausalLM",
        TwoCalls = "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>",
        ResultsInPrompt = ["<tool_response>\n2 sunny days in Paris\n</tool_response>", "<tool_response>\n12:00\n</tool_response>"],
        TagMark = "<function=",
        Template = ChatMl("""
            {{- message.content }}{% for call in message.tool_calls or [] %}{% if not loop.first %}{{ '\n' }}{% endif %}{{ '<tool_call>\n<function=' + call.function.name + '>\n' }}{% for name, value in call.function.arguments | items %}{{ '<parameter=' + name + '>\n' }}{{ value }}{{ '\n</parameter>\n' }}{% endfor %}{{ '</function>\n</tool_call>' }}{% endfor %}
            """),
    };

    public static FormatModel Harmony { get; } = new("harmony")
    {
        ModelType = "gpt_oss",
        Architecture = "GptOssForCausalLM",
        Tokens = ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>"],
        End = "<|return|>",
        Thought = "<|channel|>analysis<|message|>Two tools fit.<|end|><|start|>assistant",
        TwoCalls = " to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"Paris\", \"days\": 2}<|call|><|start|>assistant to=functions.now<|channel|>commentary json<|message|>{}<|call|>",
        BeforeAnswer = "<|channel|>final<|message|>",
        ResultsInPrompt =
        [
            "<|start|>functions.get_weather<|channel|>commentary to=assistant<|message|>2 sunny days in Paris<|end|>",
            "<|start|>functions.now<|channel|>commentary to=assistant<|message|>12:00<|end|>",
        ],
        TagMark = "<|channel|>",
    };

    public static FormatModel DeepSeek { get; } = new("deepseek_v32")
    {
        ModelType = "deepseek_v32",
        Architecture = "DeepseekV32ForCausalLM",
        Tokens = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "｜DSML｜"],
        End = "<｜end▁of▁sentence｜>",
        TwoCalls = "\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Paris</｜DSML｜parameter>\n"
            + "<｜DSML｜parameter name=\"days\" string=\"false\">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name=\"now\">\n\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        ResultsInPrompt = ["<result>2 sunny days in Paris</result>", "<result>12:00</result>"],
        TagMark = "DSML",
    };

    public static FormatModel Mistral { get; } = new("mistral")
    {
        ModelType = "mistral",
        Architecture = "MistralForCausalLM",
        Tokens = ["[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "</s>"],
        End = "</s>",
        TwoCalls = "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Paris\", \"days\": 2}[TOOL_CALLS]now[ARGS]{}",
        ResultsInPrompt = ["[TOOL_RESULTS]2 sunny days in Paris[/TOOL_RESULTS]", "[TOOL_RESULTS]12:00[/TOOL_RESULTS]"],
        TagMark = "[TOOL_CALLS]",
        Template = """
            {%- for message in messages -%}
            {%- if message.role == 'user' -%}{%- if tools and loop.first %}{{ '[AVAILABLE_TOOLS]' }}{{ tools | tojson }}{{ '[/AVAILABLE_TOOLS]' }}{% endif %}{{ '[INST]' + message.content + '[/INST]' }}
            {%- elif message.role == 'assistant' -%}{{ message.content }}{% for call in message.tool_calls or [] %}
            {%- if call.id | length != 9 %}{{ raise_exception('Tool call ids have nine characters') }}{% endif %}{{ '[TOOL_CALLS]' + call.function.name + '[ARGS]' }}{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{% endfor %}{{ '</s>' }}
            {%- elif message.role == 'tool' -%}{{ '[TOOL_RESULTS]' + message.content + '[/TOOL_RESULTS]' }}
            {%- endif -%}
            {%- endfor -%}
            """,
    };

    public static FormatModel Llama { get; } = new("llama3_json")
    {
        ModelType = "llama",
        Architecture = "LlamaForCausalLM",
        Tokens = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"],
        End = "<|eot_id|>",
        TwoCalls = "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\", \"days\": 2}}; {\"name\": \"now\", \"parameters\": {}}",
        ResultsInPrompt = ["ipython<|end_header_id|>\n\n2 sunny days in Paris<|eot_id|>", "ipython<|end_header_id|>\n\n12:00<|eot_id|>"],
        TagMark = "parameters",
        Template = """
            {%- if tools %}{{ '<|start_header_id|>system<|end_header_id|>\n\nRespond in the format {"name": function name, "parameters": dictionary of argument name and its value}.\n' }}{{ tools | tojson }}{{ '<|eot_id|>' }}{% endif %}
            {%- for message in messages %}
            {%- if message.role == 'tool' %}{{ '<|start_header_id|>ipython<|end_header_id|>\n\n' + message.content + '<|eot_id|>' }}
            {%- else %}{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content }}
            {%- for call in message.tool_calls or [] %}{% if not loop.first %}{{ '; ' }}{% endif %}{{ '{"name": "' + call.function.name + '", "parameters": ' }}{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{{ '}' }}{% endfor %}{{ '<|eot_id|>' }}
            {%- endif %}
            {%- endfor %}
            {%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
            """,
    };

    public static IReadOnlyList<FormatModel> All { get; } = [Hermes, QwenCoder, Harmony, DeepSeek, Mistral, Llama];

    public static FormatModel ByName(string name) => All.Single(model => model.Name == name);

    private static string ChatMl(string assistant) =>
        "{%- if tools %}{{ '<|im_start|>system\\n# Tools\\n<tools>' }}{% for tool in tools %}{{ '\\n' }}{{ tool | tojson }}{% endfor %}{{ '\\n</tools><|im_end|>\\n' }}{% endif %}"
        + "{%- for message in messages %}{%- if message.role == 'tool' %}{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}"
        + "{%- elif message.role == 'assistant' %}{{- '<|im_start|>assistant\\n' }}"
        + "{%- if message.reasoning_content %}{{- '<think>\\n' + message.reasoning_content.strip('\\n') + '\\n</think>\\n\\n' }}{%- endif %}"
        + assistant.Trim()
        + "{{- '<|im_end|>\\n' }}{%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
        + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}";

    private string Write()
    {
        string folder = Directory.CreateTempSubdirectory($"format-{Name}-").FullName;
        JsonNode tokenizer = JsonNode.Parse(TinyModel.Files["tokenizer.json"].Span)!;
        JsonArray added = tokenizer["added_tokens"]!.AsArray();
        int next = added.Max(token => token!["id"]!.GetValue<int>()) + 1;
        foreach (string token in Tokens)
        {
            added.Add(new JsonObject
            {
                ["id"] = next++, ["content"] = token, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = token != "｜DSML｜",
            });
        }

        int end = added.Single(token => token!["content"]!.GetValue<string>() == End)!["id"]!.GetValue<int>();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), new JsonObject { ["eos_token"] = End }.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["model_type"] = ModelType, ["architectures"] = new JsonArray(Architecture), ["eos_token_id"] = end, ["max_position_embeddings"] = 8192, ["vocab_size"] = next,
        }.ToJsonString());
        if (Template is not null)
        {
            File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), Template);
        }

        return folder;
    }
}
