using System.Text.Json.Nodes;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// A model family as a folder: the small model's tokenizer with the family's own control tokens, a config.json that says the family, and a chat
/// template of our own in the family's style (none where the family's prompt is no template).
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

    /// <summary>"Paris, surely." as the model thinks it before an answer under a schema, with what it writes between the two.</summary>
    public string AnswerThought { get; init; } = "<think>Paris, surely.</think>";

    /// <summary>What ends a thought, as the constraint must spell it.</summary>
    public string ThoughtEnd { get; init; } = "</think>";

    /// <summary>The reasoning parser of a server of this model.</summary>
    public string ReasoningParser { get; init; } = "deepseek_r1";

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
        TwoCalls =
            "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 2}}\n</tool_call>\n<tool_call>\n{\"name\": "
                + "\"now\", \"arguments\": {}}\n</tool_call>",
        ResultsInPrompt = ["<tool_response>\n2 sunny days in Paris\n</tool_response>", "<tool_response>\n12:00\n</tool_response>"],
        TagMark = "<tool_call>",
        AnswerThought = "<think>\nParis, surely.\n</think>\n\n",
        ReasoningParser = "qwen3",
        Template = ChatMl("""
            {{- message.content }}{% for call in message.tool_calls or [] %}{% if not loop.first %}{{ '\n' }}{% endif %}{{ '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{{ '}\n</tool_call>' }}{% endfor %}
            """),
    };

    public static FormatModel QwenCoder { get; } = new("qwen3_coder")
    {
        ModelType = "qwen3_next",
        Architecture = "Qwen3NextForCausalLM",
        TwoCalls =
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_cal"
                + "l>\n<tool_call>\n<function=now>\n</function>\n</tool_call>",
        ResultsInPrompt = ["<tool_response>\n2 sunny days in Paris\n</tool_response>", "<tool_response>\n12:00\n</tool_response>"],
        TagMark = "<function=",
        AnswerThought = "<think>\nParis, surely.\n</think>\n\n",
        ReasoningParser = "qwen3",
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
        TwoCalls =
            " to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"Paris\", \"days\": 2}<|call|><|start|>assistant "
                + "to=functions.now<|channel|>commentary json<|message|>{}<|call|>",
        BeforeAnswer = "<|channel|>final<|message|>",
        ResultsInPrompt =
        [
            "<|start|>functions.get_weather<|channel|>commentary to=assistant<|message|>2 sunny days in Paris<|end|>",
            "<|start|>functions.now<|channel|>commentary to=assistant<|message|>12:00<|end|>",
        ],
        TagMark = "<|channel|>",
        AnswerThought = "<|channel|>analysis<|message|>Paris, surely.<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>",
        ThoughtEnd = "<|end|>",
        ReasoningParser = "openai_gptoss",
    };

    public static FormatModel DeepSeek { get; } = new("deepseek_v32")
    {
        ModelType = "deepseek_v32",
        Architecture = "DeepseekV32ForCausalLM",
        Tokens = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "｜DSML｜"],
        End = "<｜end▁of▁sentence｜>",
        TwoCalls =
            "\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" "
                + "string=\"true\">Paris</｜DSML｜parameter>\n"
            + "<｜DSML｜parameter name=\"days\" string=\"false\">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke "
            + "name=\"now\">\n\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        ResultsInPrompt = ["<result>2 sunny days in Paris</result>", "<result>12:00</result>"],
        TagMark = "DSML",
        AnswerThought = "Paris, surely.</think>",
        ReasoningParser = "deepseek_v3",
    };

    public static FormatModel Mistral { get; } = new("mistral")
    {
        ModelType = "mistral",
        Architecture = "MistralForCausalLM",
        Tokens = ["[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
            "[THINK]", "[/THINK]", "</s>"],
        End = "</s>",
        TwoCalls = "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Paris\", \"days\": 2}[TOOL_CALLS]now[ARGS]{}",
        ResultsInPrompt = ["[TOOL_RESULTS]2 sunny days in Paris[/TOOL_RESULTS]", "[TOOL_RESULTS]12:00[/TOOL_RESULTS]"],
        TagMark = "[TOOL_CALLS]",
        AnswerThought = "[THINK]Paris, surely.[/THINK]",
        ThoughtEnd = "[/THINK]",
        ReasoningParser = "mistral",
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

    public static FormatModel Glm { get; } = new("glm47")
    {
        ModelType = "glm4_moe",
        Architecture = "Glm4MoeForCausalLM",
        Tokens = [
            "<|user|>", "<|assistant|>", "<|observation|>", "<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"],
        End = "<|user|>",
        Thought = "<think>Two tools fit.</think>",
        TwoCalls =
            "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value><arg_key>days</arg_key><arg_value>2</arg_value></tool_call><t"
                + "ool_call>now</tool_call>",
        ResultsInPrompt = ["<|observation|><tool_response>2 sunny days in Paris</tool_response>", "<tool_response>12:00</tool_response>"],
        TagMark = "<arg_key>",
        ReasoningParser = "glm47",
        Template = """
            {%- if tools %}{{ '<|system|>' }}{{ tools | tojson }}{% endif %}
            {%- for message in messages %}
            {%- if message.role == 'tool' %}{{ '<|observation|><tool_response>' + message.content + '</tool_response>' }}
            {%- elif message.role == 'assistant' %}{{ '<|assistant|>' }}{% if message.reasoning_content %}{{ '<think>' + message.reasoning_content + '</think>' }}{% endif %}{{ message.content }}
            {%- for call in message.tool_calls or [] %}{{ '<tool_call>' + call.function.name }}{% for name, value in call.function.arguments | items %}{{ '<arg_key>' + name + '</arg_key><arg_value>' }}{{ value }}{{ '</arg_value>' }}{% endfor %}{{ '</tool_call>' }}{% endfor %}
            {%- else %}{{ '<|user|>' + message.content }}
            {%- endif %}
            {%- endfor %}
            {%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}
            """,
    };

    public static FormatModel KimiK2 { get; } = new("kimi_k2")
    {
        ModelType = "kimi_k2",
        Architecture = "DeepseekV3ForCausalLM",
        Tokens =
        [
            "<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>",
            "<|tool_call_begin|>",
            "<|tool_call_argument_begin|>", "<|tool_call_end|>",
        ],
        Thought = "<think>Two tools fit.</think>",
        TwoCalls =
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Paris\", \"days\": "
                + "2}<|tool_call_end|>"
            + "<|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
        ResultsInPrompt = ["## Return of functions.get_weather:0\n2 sunny days in Paris", "## Return of functions.now:1\n12:00"],
        TagMark = "<|tool_calls_section_begin|>",
        ReasoningParser = "kimi_k2",
        Template = """
            {%- if tools %}{{ '<|im_system|>tool_declare<|im_middle|>' }}{{ tools | tojson }}{{ '<|im_end|>' }}{% endif %}
            {%- for message in messages %}
            {%- if message.role == 'tool' %}{{ '<|im_system|>tool<|im_middle|>## Return of ' + message.tool_call_id + '\n' + message.content }}
            {%- elif message.role == 'assistant' %}{{ '<|im_assistant|>assistant<|im_middle|>' }}{% if message.reasoning_content %}{{ '<think>' + message.reasoning_content + '</think>' }}{% endif %}{{ message.content }}
            {%- if message.tool_calls %}{{ '<|tool_calls_section_begin|>' }}{% for call in message.tool_calls %}{{ '<|tool_call_begin|>' + call.id + '<|tool_call_argument_begin|>' }}{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{{ '<|tool_call_end|>' }}{% endfor %}{{ '<|tool_calls_section_end|>' }}{% endif %}
            {%- else %}{{ '<|im_user|>user<|im_middle|>' + message.content }}
            {%- endif %}{{ '<|im_end|>' }}
            {%- endfor %}
            {%- if add_generation_prompt %}{{ '<|im_assistant|>assistant<|im_middle|>' }}{% endif %}
            """,
    };

    public static FormatModel MinimaxM2 { get; } = new("minimax_m2")
    {
        ModelType = "minimax_m2",
        Architecture = "MiniMaxM2ForCausalLM",
        Tokens = ["]~b]", "[e~[", "<minimax:tool_call>", "</minimax:tool_call>"],
        End = "[e~[",
        Thought = "<think>\nTwo tools fit.\n</think>\n\n",
        TwoCalls =
            "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n<parameter "
                + "name=\"days\">2</parameter>\n</invoke>\n"
            + "<invoke name=\"now\">\n</invoke>\n</minimax:tool_call>",
        ResultsInPrompt = ["<response>2 sunny days in Paris</response>", "<response>12:00</response>"],
        TagMark = "<minimax:tool_call>",
        AnswerThought = "<think>\nParis, surely.\n</think>\n\n",
        ReasoningParser = "minimax_m2",
        Template = """
            {%- if tools %}{{ ']~b]system\n' }}{{ tools | tojson }}{{ '[e~[\n' }}{% endif %}
            {%- for message in messages %}
            {%- if message.role == 'tool' %}{{ ']~b]tool\n<response>' + message.content + '</response>' }}
            {%- elif message.role == 'assistant' %}{{ ']~b]ai\n' }}{% if message.reasoning_content %}{{ '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}{% endif %}{{ message.content }}
            {%- if message.tool_calls %}{{ '<minimax:tool_call>\n' }}{% for call in message.tool_calls %}{{ '<invoke name="' + call.function.name + '">\n' }}{% for name, value in call.function.arguments | items %}{{ '<parameter name="' + name + '">' }}{{ value }}{{ '</parameter>\n' }}{% endfor %}{{ '</invoke>\n' }}{% endfor %}{{ '</minimax:tool_call>' }}{% endif %}
            {%- else %}{{ ']~b]user\n' + message.content }}
            {%- endif %}{{ '[e~[\n' }}
            {%- endfor %}
            {%- if add_generation_prompt %}{{ ']~b]ai\n' }}{% endif %}
            """,
    };

    public static FormatModel Gemma4 { get; } = new("gemma4")
    {
        ModelType = "gemma4",
        Architecture = "Gemma4ForConditionalGeneration",
        Tokens = ["<|turn>", "<turn|>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<|channel>", "<channel|>", "<|tool_response>", "<tool_response|>"],
        End = "<turn|>",
        TwoCalls = "<|tool_call>call:get_weather{city:<|\"|>Paris<|\"|>,days:2}<tool_call|><|tool_call>call:now{}<tool_call|>",
        ResultsInPrompt = ["<|tool_response>2 sunny days in Paris<tool_response|>", "<|tool_response>12:00<tool_response|>"],
        TagMark = "call:",
        AnswerThought = "<|channel>thought\nParis, surely.<channel|>",
        ThoughtEnd = "<channel|>",
        ReasoningParser = "gemma4",
        Template = """
            {%- if tools %}{{ '<|turn>system\n' }}{{ tools | tojson }}{{ '<turn|>\n' }}{% endif %}
            {%- for message in messages %}
            {%- if message.role == 'tool' %}{{ '<|tool_response>' + message.content + '<tool_response|>' }}
            {%- elif message.role == 'assistant' %}{{ '<|turn>model\n' + message.content }}
            {%- for call in message.tool_calls or [] %}{{ '<|tool_call>call:' + call.function.name + '{' }}{% for name, value in call.function.arguments | items %}{% if not loop.first %}{{ ',' }}{% endif %}{{ name + ':' }}{% if value is string %}{{ '<|"|>' + value + '<|"|>' }}{% else %}{{ value | tojson }}{% endif %}{% endfor %}{{ '}<tool_call|>' }}{% endfor %}
            {%- if not message.tool_calls %}{{ '<turn|>\n' }}{% endif %}
            {%- else %}{{ '<|turn>user\n' + message.content + '<turn|>\n' }}
            {%- endif %}
            {%- endfor %}
            {%- if add_generation_prompt and messages[-1].role != 'tool' %}{{ '<|turn>model\n' }}{% endif %}
            """,
    };

    public static IReadOnlyList<FormatModel> All { get; } = [Hermes, QwenCoder, Harmony, DeepSeek, Mistral, Llama, Glm, KimiK2, MinimaxM2, Gemma4];

    public static FormatModel ByName(string name) => All.Single(model => model.Name == name);

    private static string ChatMl(string assistant) =>
        "{%- if tools %}{{ '<|im_start|>system\\n# Tools\\n<tools>' }}{% for tool in tools %}{{ '\\n' }}{{ tool | tojson }}{% endfor %}{{ "
            + "'\\n</tools><|im_end|>\\n' }}{% endif %}"
        + "{%- for message in messages %}{%- if message.role == 'tool' %}{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + "
        + "'\\n</tool_response><|im_end|>\\n' }}"
        + "{%- elif message.role == 'assistant' %}{{- '<|im_start|>assistant\\n' }}"
        + "{%- if message.reasoning_content %}{{- '<think>\\n' + message.reasoning_content.strip('\\n') + '\\n</think>\\n\\n' }}{%- endif %}"
        + assistant.Trim()
        + "{{- '<|im_end|>\\n' }}{%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
        + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- "
        + "'<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}";

    private string Write()
    {
        var folder = Directory.CreateTempSubdirectory($"format-{Name}-").FullName;
        var tokenizer = JsonNode.Parse(TinyModel.Files["tokenizer.json"].Span)!;
        var added = tokenizer["added_tokens"]!.AsArray();
        var next = added.Max(token => token!["id"]!.GetValue<int>()) + 1;
        foreach (var token in Tokens)
        {
            added.Add(new JsonObject
            {
                ["id"] = next++,
                ["content"] = token,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = token != "｜DSML｜",
            });
        }

        var end = added.Single(token => token!["content"]!.GetValue<string>() == End)!["id"]!.GetValue<int>();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), new JsonObject { ["eos_token"] = End }.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["model_type"] = ModelType,
            ["architectures"] = new JsonArray(Architecture),
            ["eos_token_id"] = end,
            ["max_position_embeddings"] = 8192,
            ["vocab_size"] = next,
        }.ToJsonString());
        if (Template is not null)
        {
            File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), Template);
        }

        return folder;
    }
}
