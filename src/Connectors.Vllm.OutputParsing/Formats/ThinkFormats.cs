namespace Connectors.Vllm.OutputParsing;

/// <summary>Thoughts in <c>&lt;think&gt;</c> tags, under the names vLLM has for them.</summary>
internal static class ThinkFormats
{
    public static readonly ReasoningSyntax Think = new()
    {
        Id = "qwen3",
        Aliases =
        [
            "think", "nemotron_v3", "nano_v3", "super_v3", "mimo", "minicpmv", "granite_thinking_parser", "granite_thinking", "holo2", "glm45", "glm47", "glm4_moe",
            "kimi_k2", "ling3", "deepseek_r1", "deepseek_v3", "deepseek_v31", "deepseek_v32", "deepseek_v4", "deepseek_v41", "step3p5", "minimax_m2",
            "qwen3_thinking",
        ],
        Opens = ["<think>"],
        Closes = ["</think>"],
    };

    public static readonly ReasoningSyntax[] All = [Think];
}
