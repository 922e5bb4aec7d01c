using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>
/// JSON in <c>&lt;tool_call&gt;</c>: Hermes, Qwen 2.5, QwQ, Qwen 3 without Coder, Granite 4, and many fine-tunes.
/// </summary>
internal static class HermesFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "hermes",
        Aliases = ["qwen3_json", "qwen2_5", "qwen25", "qwen", "granite4"],
        Openers = ["<tool_call>"],
        NewlinesBefore = 1,
        Reader = context => QwenCoderFormat.Either(context),
    };

    public static readonly ToolSyntax LongCat = new()
    {
        Id = "longcat",
        Openers = ["<longcat_tool_call>"],
        NewlinesBefore = 1,
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</longcat_tool_call>"], Repeats = true }),
    };
}

/// <summary>The formats that are JSON between markers of their own.</summary>
internal static class JsonFormats
{
    /// <summary>Llama 3.1 to 3.3, Llama 4 with the JSON template: the answer itself is the call.</summary>
    public static readonly ToolSyntax Llama3 = new()
    {
        Id = "llama3_json",
        Aliases = ["llama4_json", "llama", "json"],
        Openers = ["<|python_tag|>"],
        StartOpeners = ["{"],
        Drops = ["<|eom_id|>", "<|eot_id|>"],
        Reader = context => new JsonBodyReader(
            context, new JsonBodySyntax { OpenerIsJson = true, MayBeAnswer = true, Repeats = true, Separators = ";," }),
    };

    /// <summary>Granite 3.x, and granite-20b-functioncalling.</summary>
    public static readonly ToolSyntax Granite = Between("granite", ["<|tool_call|>", "<tool_call>", "<function_call>"], ["</tool_call>"]) with
    {
        Aliases = ["granite_20b_fc"],
    };

    public static readonly ToolSyntax Phi4Mini = Between("phi4_mini_json", ["functools["], []) with
    {
        Aliases = ["phi4_mini", "phi4"],
    };

    /// <summary>Command R7B and Command A, whose visible text is in separate elements.</summary>
    public static readonly ToolSyntax Cohere = new()
    {
        Id = "cohere_command3",
        Aliases = ["cohere", "cohere_command4", "cohere_cmd"],
        Openers = ["<|START_ACTION|>"],
        StrayClosers = ["<|END_ACTION|>"],
        Drops = ["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<|END_OF_TURN_TOKEN|>"],
        Citations = ["<co", "</co"],
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax
        {
            Closers = ["<|END_ACTION|>"],
            Keys = new JsonCallKeys { Name = ["tool_name", "name"], Arguments = ["parameters", "arguments"], Id = ["tool_call_id"] },
        }),
    };

    public static readonly ToolSyntax InternLm2 = Between("internlm", ["<|action_start|>"], ["<|action_end|>"], "<|plugin|>", "<|interpreter|>") with
    {
        Aliases = ["internlm2", "internlm3"],
        Drops = ["<|plugin|>", "<|interpreter|>"],
        StrayClosers = ["<|action_end|>"],
    };

    /// <summary>Jamba, MiniMax M1, and Apriel, whose calls may hold an id.</summary>
    public static readonly ToolSyntax Jamba = new()
    {
        Id = "jamba",
        Aliases = ["minimax_m1"],
        Openers = ["<tool_calls>"],
        NewlinesBefore = 1,
        Reader = context => new JsonBodyReader(
            context, new JsonBodySyntax { Closers = ["</tool_calls>"], Repeats = true, Keys = new JsonCallKeys { Id = ["id"] } }),
    };

    public static readonly ToolSyntax NemotronNanoV2 = Between("nemotron_nano_v2", ["<TOOLCALL>"], ["</TOOLCALL>"]);

    /// <summary>xLAM: a bare array, fenced, or after other families' markers.</summary>
    public static readonly ToolSyntax Xlam = new()
    {
        Id = "xlam",
        Openers = ["[TOOL_CALLS]", "<tool_call>"],
        StartOpeners = ["[", "{", "```json\n", "```json", "```\n"],
        Reader = context => new JsonBodyReader(
            context, new JsonBodySyntax { OpenerIsJson = true, MayBeAnswer = true, Closers = ["</tool_call>", "```"] }),
    };

    /// <summary>Apertus: objects whose only key is the name.</summary>
    public static readonly ToolSyntax Apertus = new()
    {
        Id = "apertus",
        Openers = ["<|tools_prefix|>"],
        StrayClosers = ["<|tools_suffix|>"],
        Reader = context => new JsonBodyReader(
            context, new JsonBodySyntax { Closers = ["<|tools_suffix|>"], Keys = new JsonCallKeys { NameIsKey = true } }),
    };

    public static readonly ToolSyntax GigaChat3 = Between("gigachat3", ["<|function_call|>", "function call<|role_sep|>"], []) with
    {
        Drops = ["<|message_sep|>", "<|role_sep|>", "</s>"],
    };

    /// <summary>ERNIE 4.5: as Hermes, with an element around the visible text.</summary>
    public static readonly ToolSyntax Ernie45 = HermesFormat.Tools with
    {
        Id = "ernie45",
        Aliases = [],
        Drops = ["<response>\n", "<response>", "\n</response>\n", "\n</response>", "</response>\n", "</response>"],
    };

    /// <summary>Inkling: blocks with a header; a call is one JSON object.</summary>
    public static readonly ToolSyntax Inkling = new()
    {
        Id = "inkling",
        Openers = ["<|message_model|>", "<|content_invoke_tool_json|>"],
        PromptOpener = "<|message_model|>",
        Drops = ["<|content_text|>", "<|content_invoke_tool_text|>", "<|content_tool_error|>", "<|end_message|>", "<|content_model_end_sampling|>"],
        Reader = context => new InklingReader(new JsonBodyReader(context, new JsonBodySyntax
        {
            Closers = ["<|end_message|>"],
            Keys = new JsonCallKeys { Arguments = ["args", "arguments", "parameters"] },
        })),
    };

    private static ToolSyntax Between(string id, string[] openers, string[] closers, params string[] preambles) => new()
    {
        Id = id,
        Openers = openers,
        NewlinesBefore = 1,
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { Closers = closers, Preambles = preambles, Repeats = true }),
    };
}

/// <summary>The shapes that generic JSON constraints force on any model.</summary>
internal static class GenericShapes
{
    /// <summary>An array of calls (or one call) instead of an answer.</summary>
    public static readonly ToolSyntax JsonArray = new()
    {
        Id = "json_array",
        StartOpeners = ["[", "{"],
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { OpenerIsJson = true }),
    };

    /// <summary>The arguments of one named tool instead of an answer.</summary>
    public static readonly ToolSyntax NamedArguments = new()
    {
        Id = "named_arguments",
        Reader = context => new NamedArgumentsReader(context),
    };
}
