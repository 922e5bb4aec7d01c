namespace Connectors.Vllm.OutputParsing.Selection;

/// <summary>What config.json's model_type and architectures say, where they are not shared by models of different formats.</summary>
internal static class ModelTypes
{
    // Prefixes of model_type; the longest that fits counts. Families whose members differ are left to the template.
    private static readonly (string Type, string Tools, string Reasoning)[] Rows =
    [
        ("gpt_oss", "openai", "openai_gptoss"),
        ("glm4_moe", "glm47", "glm45"),
        ("glm_moe_dsa", "glm47", "glm45"),
        ("kimi_k2", "kimi_k2", "kimi_k2"),
        ("kimi_k3", "kimi_k3", "kimi_k3"),
        ("minimax_m2", "minimax_m2", "minimax_m2"),
        ("minimax_m3", "minimax_m3", "minimax_m3"),
        ("gemma4", "gemma4", "gemma4"),
        ("seed_oss", "seed_oss", "seed_oss"),
        ("step3p5", "step3p5", "step3p5"),
        ("step3", "step3", "step3"),
        ("internlm2", "internlm", ""),
        ("internlm3", "internlm", ""),
        ("jamba", "jamba", ""),
        ("apertus", "apertus", ""),
        ("lfm2", "lfm2", ""),
        ("olmo3", "olmo3", ""),
        ("ernie4_5", "ernie45", ""),
        ("inkling", "inkling", "inkling"),
        ("plamo3", "plamo3", "plamo3"),
        ("hy_v3", "hy_v3", "hy_v3"),
        ("hy_v4", "hy_v4", "hy_v4"),
        ("hunyuan_v1", "hunyuan_a13b", "hunyuan_a13b"),
        ("longcat", "longcat", ""),
        ("mimo_v2", "mimo", "mimo"),
        ("k2_horizon", "k2_horizon", "k2_horizon"),
        ("muse_glimmer", "muse_glimmer", "muse_glimmer"),
        ("poolside", "poolside_v1", "poolside_v1"),
        ("solar_open2", "solar_open2", "solar_open2"),
    ];

    /// <summary>The tool parser; null when the type does not decide.</summary>
    public static string? Tools(OutputFormatHints hints)
    {
        var type = Type(hints);
        var template = hints.ChatTemplate ?? "";
        if (type.StartsWith("deepseek_v", StringComparison.Ordinal) && Has(hints, "<|tool_calls_section_begin|>"))
        {
            // Kimi K2 identifies itself as DeepSeek V3.
            return "kimi_k2";
        }

        if (type.StartsWith("deepseek_v4", StringComparison.Ordinal))
        {
            return template.Contains("｜DSML｜ calls", StringComparison.Ordinal) || type.StartsWith("deepseek_v41", StringComparison.Ordinal)
                || type.StartsWith("deepseek_v4_1", StringComparison.Ordinal) ? "deepseek_v41" : "deepseek_v4";
        }

        if (type.StartsWith("deepseek_v32", StringComparison.Ordinal))
        {
            // V3.2-Exp has the same type and writes V3.1's format; the final V3.2 has no template, or one with its markup.
            var isOlder = template.Contains("<｜tool▁calls▁begin｜>", StringComparison.Ordinal) && !template.Contains("DSML", StringComparison.Ordinal);
            return isOlder ? "deepseek_v31" : "deepseek_v32";
        }

        if (type.StartsWith("deepseek_v3", StringComparison.Ordinal))
        {
            return template.Contains("```json", StringComparison.Ordinal) ? "deepseek_v3"
                : template.Contains("DSML", StringComparison.Ordinal) ? "deepseek_v32"
                : "deepseek_v31";
        }

        if (type.StartsWith("cohere", StringComparison.Ordinal))
        {
            return template.Contains("<cofl:", StringComparison.Ordinal) ? "cohere_cofl"
                : template.Contains("START_ACTION", StringComparison.Ordinal) || Has(hints, "<|START_ACTION|>") ? "cohere_command3" : null;
        }

        return Row(type) is { } row ? row.Tools : null;
    }

    /// <summary>The reasoning parser; null when the type does not decide.</summary>
    public static string? Reasoning(OutputFormatHints hints)
    {
        var type = Type(hints);
        if (type.StartsWith("deepseek_v", StringComparison.Ordinal) && Has(hints, "<|tool_calls_section_begin|>"))
        {
            return null;
        }

        return type.StartsWith("deepseek_v4", StringComparison.Ordinal) ? "deepseek_v4"
            : type.StartsWith("deepseek_v3", StringComparison.Ordinal) ? "deepseek_v3"
            : Row(type) is { Reasoning.Length: > 0 } row ? row.Reasoning
            : null;
    }

    private static (string Type, string Tools, string Reasoning)? Row(string type)
    {
        (string Type, string Tools, string Reasoning)? best = null;
        foreach (var row in Rows)
        {
            if (type.StartsWith(row.Type, StringComparison.Ordinal) && row.Type.Length > (best?.Type.Length ?? 0))
            {
                best = row;
            }
        }

        return best;
    }

    /// <summary>model_type; else made from the architecture's name (DeepseekV32ForCausalLM → deepseek_v32).</summary>
    private static string Type(OutputFormatHints hints)
    {
        if (hints.ModelType is { Length: > 0 } type)
        {
            return type.ToLowerInvariant().Replace('-', '_');
        }

        var architecture = hints.Architectures.Count > 0 ? hints.Architectures[0] : "";
        return architecture switch
        {
            "GptOssForCausalLM" => "gpt_oss",
            "DeepseekV4ForCausalLM" => "deepseek_v4",
            "DeepseekV32ForCausalLM" => "deepseek_v32",
            "DeepseekV3ForCausalLM" => "deepseek_v3",
            "Glm4MoeForCausalLM" or "Glm4MoeLiteForCausalLM" => "glm4_moe",
            "GlmMoeDsaForCausalLM" => "glm_moe_dsa",
            "MiniMaxM2ForCausalLM" => "minimax_m2",
            "SeedOssForCausalLM" => "seed_oss",
            _ when architecture.StartsWith("Gemma4", StringComparison.Ordinal) => "gemma4",
            _ => "",
        };
    }

    private static bool Has(OutputFormatHints hints, string token) => hints.FindToken?.Invoke(token) is >= 0;
}

/// <summary>Formats by the model's name, the weakest evidence. The longest matching pattern is used.</summary>
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
