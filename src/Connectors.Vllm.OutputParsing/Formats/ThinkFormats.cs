using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>Reasoning in <c>&lt;think&gt;</c> tags, under the names vLLM has for them.</summary>
internal static class ThinkFormats
{
    public static readonly ReasoningSyntax Think = new()
    {
        Id = "think",
        Aliases = ["glm47", "kimi_k2", "ling3", "deepseek_v4", "deepseek_v41", "holo2", "lfm2", "dots", "minicpm5"],
        Opens = ["<think>"],
        Closes = ["</think>"],
    };

    /// <summary>The same for the families that put an empty line after reasoning.</summary>
    public static readonly ReasoningSyntax Qwen = Think with
    {
        Id = "qwen3",
        Aliases =
        [
            "qwen3_thinking", "nemotron_v3", "nano_v3", "super_v3", "mimo", "minicpmv", "granite_thinking_parser", "granite_thinking", "step3p5",
            "minimax_m2", "minimax", "minimax_m2_append_think",
        ],
        TextAfterClose = "\n\n",
    };

    /// <summary>GLM 4.5 and 4.6: a line break after reasoning.</summary>
    public static readonly ReasoningSyntax Glm45 = Think with { Id = "glm45", Aliases = ["glm4_moe"], TextAfterClose = "\n" };

    /// <summary>The formats whose reasoning ends only at its marker, even if it contains a call.</summary>
    public static readonly ReasoningSyntax Strict = Think with
    {
        Id = "deepseek_r1",
        Aliases = ["deepseek_v3", "deepseek_v31", "deepseek_v32", "step3", "olmo3", "poolside_v1", "hy_v3", "hy_v4"],
        EndedByCall = false,
    };

    /// <summary>ERNIE 4.5: the answer may stand in an element of its own.</summary>
    public static readonly ReasoningSyntax Ernie45 = Strict with
    {
        Id = "ernie45",
        Aliases = [],
        Drops = ["<response>\n", "<response>", "\n</response>\n", "\n</response>", "</response>\n", "</response>"],
    };

    public static readonly ReasoningSyntax SeedOss = Think with
    {
        Id = "seed_oss",
        Aliases = [],
        Opens = ["<seed:think>"],
        Closes = ["</seed:think>"],
    };

    public static readonly ReasoningSyntax LongCat = Think with
    {
        Id = "longcat",
        Aliases = [],
        Opens = ["<longcat_think>", "<think>"],
        Closes = ["</longcat_think>", "</think>"],
    };

    public static readonly ReasoningSyntax Kimi = Think with
    {
        Id = "kimi",
        Aliases = [],
        Opens = ["◁think▷"],
        Closes = ["◁/think▷"],
        OpensOnlyAtStart = false,
    };

    public static readonly ReasoningSyntax Mistral = Think with
    {
        Id = "mistral",
        Aliases = ["magistral"],
        Opens = ["[THINK]"],
        Closes = ["[/THINK]"],
        OpensOnlyAtStart = false,
    };

    public static readonly ReasoningSyntax Cohere = Think with
    {
        Id = "cohere_cmd",
        Aliases = ["cohere", "cohere_command3", "cohere_command4"],
        Opens = ["<|START_THINKING|>"],
        Closes = ["<|END_THINKING|>"],
        Drops = ["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"],
        OpensOnlyAtStart = false,
    };

    /// <summary>Granite 3.2: plain sentences.</summary>
    public static readonly ReasoningSyntax Granite = Think with
    {
        Id = "granite",
        Aliases = [],
        Opens = ["Here is my thought process:", "Here's my thought process:", "Here’s my thought process:"],
        Closes = ["Here is my response:", "Here's my response:", "Here’s my response:"],
    };

    public static readonly ReasoningSyntax Plamo3 = Think with
    {
        Id = "plamo3",
        Aliases = [],
        Opens = ["<|plamo:begin_think:plamo|>"],
        Closes = ["<|plamo:end_think:plamo|>"],
        OpensOnlyAtStart = false,
    };

    public static readonly ReasoningSyntax Inkling = Think with
    {
        Id = "inkling",
        Aliases = [],
        Opens = ["<|content_thinking|>"],
        Closes = ["<|end_message|>"],
        OpensOnlyAtStart = false,
        TextAfterClose = "<|message_model|>",
    };

    public static readonly ReasoningSyntax[] All =
        [Qwen, Think, Glm45, Strict, Ernie45, SeedOss, LongCat, Kimi, Mistral, Cohere, Granite, Plamo3, Inkling];
}
