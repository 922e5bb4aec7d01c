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
            // Kimi K2 says it is a DeepSeek V3.
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
