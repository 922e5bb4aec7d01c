namespace Connectors.Vllm.OutputParsing.Selection;

/// <summary>What a model's name says; the weakest evidence. The longest pattern that occurs counts.</summary>
internal static class ModelNames
{
    public static readonly (string Pattern, string Name)[] Tools =
    [
        ("gpt-oss", "openai"), ("qwen3-coder", "qwen3_coder"), ("qwen3.5", "qwen3_coder"), ("qwen3.6", "qwen3_coder"), ("qwen3.7", "qwen3_coder"),
        ("qwen3.8", "qwen3_coder"), ("qwen3", "hermes"), ("qwen2.5", "hermes"), ("qwq", "hermes"), ("hermes", "hermes"), ("mistral", "mistral"),
        ("mixtral", "mistral"), ("magistral", "mistral"), ("ministral", "mistral"), ("devstral", "mistral"), ("llama-4", "llama4_pythonic"),
        ("llama-3.1", "llama3_json"), ("llama-3.2", "llama3_json"), ("llama-3.3", "llama3_json"), ("deepseek-r1", "deepseek_v3"),
        ("deepseek-v3", "deepseek_v3"), ("deepseek-v3.1", "deepseek_v31"), ("deepseek-v3.2", "deepseek_v32"),
        ("deepseek-v3.2-exp", "deepseek_v31"), ("deepseek-v4", "deepseek_v4"), ("deepseek-v4.1", "deepseek_v41"), ("glm-4.5", "glm45"),
        ("glm-4.6", "glm45"), ("glm-4.7", "glm47"), ("glm-5", "glm47"), ("granite-3", "granite"), ("granite-4", "hermes"),
        ("granite-4.2", "qwen3_coder"), ("kimi-k2", "kimi_k2"), ("kimi-k3", "kimi_k3"), ("minimax-m1", "minimax_m1"), ("minimax-m2", "minimax_m2"),
        ("minimax-m3", "minimax_m3"), ("mm-m2", "minimax_m2"), ("mm-m3", "minimax_m3"), ("seed-oss", "seed_oss"), ("gemma-4", "gemma4"),
        ("gemma4", "gemma4"), ("functiongemma", "functiongemma"), ("inkling", "inkling"), ("hy3", "hy_v3"), ("hy4", "hy_v4"),
        ("hunyuan-a13b", "hunyuan_a13b"), ("mimo", "mimo"), ("nemotron-3", "qwen3_coder"), ("nemotron-nano-9b-v2", "nemotron_nano_v2"),
        ("command-r7b", "cohere_command3"), ("command-a", "cohere_command3"), ("phi-4-mini", "phi4_mini_json"), ("step3", "step3"),
        ("step-3", "step3"), ("step-3.5", "step3p5"), ("internlm2", "internlm"), ("internlm3", "internlm"), ("jamba", "jamba"), ("xlam", "xlam"),
        ("longcat", "longcat"), ("apertus", "apertus"), ("gigachat3", "gigachat3"), ("olmo-3", "olmo3"), ("olmo3", "olmo3"), ("lfm2", "lfm2"),
        ("ernie-4.5", "ernie45"), ("minicpm5", "minicpm5"), ("minicpm-v", "qwen3_coder"), ("dots", "dots"), ("toolace", "pythonic"),
        ("ling-3", "ling3"), ("plamo-3", "plamo3"), ("poolside", "poolside_v1"), ("k2-horizon", "k2_horizon"), ("muse-glimmer", "muse_glimmer"),
        ("smollm3", "hermes"), ("solar-open2", "solar_open2"), ("sarashina", "sarashina"),
    ];

    public static readonly (string Pattern, string Name)[] Reasoning =
    [
        ("gpt-oss", "openai_gptoss"), ("qwen3", "qwen3"), ("qwq", "deepseek_r1"), ("deepseek-r1", "deepseek_r1"), ("deepseek-v3", "deepseek_v3"),
        ("deepseek-v4", "deepseek_v4"), ("glm-", "glm45"), ("kimi-k2", "kimi_k2"), ("kimi-k3", "kimi_k3"), ("kimi", "kimi"),
        ("minimax", "minimax_m2"), ("minimax-m3", "minimax_m3"), ("step3", "step3"), ("step-3", "step3"), ("step-3.5", "step3p5"),
        ("seed-oss", "seed_oss"), ("gemma-4", "gemma4"), ("gemma4", "gemma4"), ("magistral", "mistral"), ("command", "cohere_cmd"),
        ("nemotron", "nemotron_v3"), ("mimo", "mimo"), ("inkling", "inkling"), ("hunyuan-a13b", "hunyuan_a13b"), ("hy3", "hy_v3"),
        ("hy4", "hy_v4"), ("olmo-3", "olmo3"), ("granite-3.2", "granite"), ("granite-4.2", "granite_thinking"), ("ernie-4.5", "ernie45"),
        ("ling-3", "ling3"), ("plamo-3", "plamo3"), ("poolside", "poolside_v1"), ("k2-horizon", "k2_horizon"), ("muse-glimmer", "muse_glimmer"),
        ("holo2", "holo2"), ("thinking", "qwen3"), ("smollm3", "qwen3"), ("solar-open2", "solar_open2"), ("longcat", "longcat"),
    ];

    public static (string Pattern, string Name)? Find(string? modelName, IReadOnlyList<(string Pattern, string Name)> table)
    {
        var name = (modelName ?? "").ToLowerInvariant().Replace('_', '-');
        (string Pattern, string Name)? best = null;
        foreach (var row in table)
        {
            if (row.Pattern.Length > (best?.Pattern.Length ?? 0) && name.Contains(row.Pattern, StringComparison.Ordinal))
            {
                best = row;
            }
        }

        return best;
    }
}
