using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// What a constraint must know of a model's format: from the parser, what reasoning is; from this table, how calls and answers are written.
/// </summary>
internal sealed record ConstraintFormat
{
    private ConstraintFormat(OutputFormat parser, FormatGrammar? grammar)
    {
        (Calls, Answer, MessageReasoning) = (grammar?.Calls, grammar?.Answer, grammar?.Reasoning);
        (ReasoningOpens, ReasoningCloses, TextAfterReasoning) = (parser.Reasoning.Opens, parser.Reasoning.Closes, parser.Reasoning.TextAfterClose);
        (BeginsInReasoning, HasToken) = (parser.BeginsInReasoning, parser.HasToken);
    }

    /// <summary>Builds the part that makes a model write calls in its own way; null when the generic JSON shapes serve.</summary>
    public CallGrammarBuilder? Calls { get; }

    /// <summary>Puts an answer's constraint between the markers that the format writes around visible text; null where it writes none.</summary>
    public Func<ConstraintNode, ConstraintNode>? Answer { get; }

    /// <summary>
    /// Where reasoning, answers and calls are messages with headers: the messages that may come before a call or an answer. Else null.
    /// </summary>
    public ConstraintNode? MessageReasoning { get; }

    /// <summary>Markers that begin reasoning.</summary>
    public IReadOnlyList<string> ReasoningOpens { get; }

    /// <summary>Markers that end reasoning; none where the format has no reasoning.</summary>
    public IReadOnlyList<string> ReasoningCloses { get; }

    /// <summary>What models of the format write between reasoning and the answer.</summary>
    public string TextAfterReasoning { get; }

    /// <summary>Whether the output after the end of a prompt begins inside reasoning; null when that end does not tell.</summary>
    public Func<string, bool?> BeginsInReasoning { get; }

    /// <summary>Whether a text is one token of the vocabulary.</summary>
    public Func<string, bool> HasToken { get; }

    public static ConstraintFormat Of(OutputFormat parser) => new(parser, FormatGrammar.Of(parser));
}

/// <summary>How a format's calls and answers are written; one row a tool parser, by the first of its names.</summary>
/// <param name="Calls">Builds the constraint on calls.</param>
/// <param name="Answer">Puts an answer's constraint between the format's markers; null where it writes none.</param>
/// <param name="Reasoning">The messages that may come before a call or an answer, for formats of messages.</param>
internal sealed record FormatGrammar(CallGrammarBuilder Calls, Func<ConstraintNode, ConstraintNode>? Answer = null, ConstraintNode? Reasoning = null)
{
    private static readonly Dictionary<string, FormatGrammar> Rows = new(StringComparer.Ordinal)
    {
        // JSON between markers, or after headers.
        ["hermes"] = new(JsonCallGrammars.Hermes.Build),
        ["longcat"] = new(JsonCallGrammars.LongCat.Build),
        ["ernie45"] = new(JsonCallGrammars.Hermes.Build, ChannelGrammars.ErnieAnswer),
        ["llama3_json"] = new(JsonCallGrammars.Llama.Build),
        ["granite"] = new(JsonCallGrammars.Granite),
        ["phi4_mini_json"] = new(JsonCallGrammars.Phi4Mini.Build),
        ["cohere_command3"] = new(JsonCallGrammars.Cohere.Build, ChannelGrammars.CohereAnswer),
        ["internlm"] = new(JsonCallGrammars.InternLm2.Build),
        ["jamba"] = new(JsonCallGrammars.Jamba.Build),
        ["hunyuan_a13b"] = new(JsonCallGrammars.Jamba.Build, ChannelGrammars.HunyuanAnswer),
        ["nemotron_nano_v2"] = new(JsonCallGrammars.NemotronNanoV2.Build),
        ["xlam"] = new(JsonCallGrammars.Xlam),
        ["apertus"] = new(JsonCallGrammars.Apertus.Build),
        ["gigachat3"] = new(JsonCallGrammars.GigaChat3.Build),
        ["kimi_k2"] = new(JsonCallGrammars.KimiK2.Build),
        ["deepseek_v31"] = new(JsonCallGrammars.DeepSeekV31.Build),
        ["deepseek_v3"] = new(JsonCallGrammars.DeepSeekV3.Build),
        ["mistral"] = new(JsonCallGrammars.Mistral),
        ["plamo3"] = new(JsonCallGrammars.Plamo3.Build),

        // Elements, pairs and dictionaries.
        ["qwen3_coder"] = new(MarkupCallGrammars.QwenCoder.Build),
        ["mimo"] = new(MarkupCallGrammars.Mimo.Build),
        ["seed_oss"] = new(MarkupCallGrammars.SeedOss.Build),
        ["deepseek_v32"] = new(MarkupCallGrammars.DeepSeekV32.Build),
        ["deepseek_v4"] = new(MarkupCallGrammars.DeepSeekV4.Build),
        ["deepseek_v41"] = new(MarkupCallGrammars.DeepSeekV41.Build),
        ["minimax_m2"] = new(MarkupCallGrammars.MinimaxM2.Build),
        ["minimax_m3"] = new(MarkupCallGrammars.MinimaxM3.Build),
        ["step3"] = new(MarkupCallGrammars.Step3.Build),
        ["dots"] = new(MarkupCallGrammars.Dots.Build),
        ["minicpm5"] = new(MarkupCallGrammars.MiniCpm5.Build),
        ["cohere_cofl"] = new(MarkupCallGrammars.CohereCofl.Build, ChannelGrammars.CohereAnswer),
        ["glm45"] = new(MarkupCallGrammars.GlmLines.Build),
        ["glm47"] = new(MarkupCallGrammars.Glm.Build),
        ["ling3"] = new(MarkupCallGrammars.Glm.Build),
        ["poolside_v1"] = new(MarkupCallGrammars.GlmLines.Build),
        ["k2_horizon"] = new(MarkupCallGrammars.K2Horizon.Build),
        ["solar_open2"] = new(MarkupCallGrammars.SolarOpen.Build),
        ["gemma4"] = new(MarkupCallGrammars.Gemma4.Build),
        ["functiongemma"] = new(MarkupCallGrammars.FunctionGemma.Build),

        // Python.
        ["pythonic"] = new(PythonCallGrammars.Pythonic),
        ["llama4_pythonic"] = new(PythonCallGrammars.Llama4),
        ["olmo3"] = new(PythonCallGrammars.Olmo3),
        ["lfm2"] = new(PythonCallGrammars.Lfm2.Build),
        ["sarashina"] = new(PythonCallGrammars.Sarashina.Build),

        // Messages and blocks.
        ["openai"] = new(ChannelGrammars.Harmony, ChannelGrammars.HarmonyAnswer, ChannelGrammars.HarmonyReasoning),
        ["muse_glimmer"] = new(ChannelGrammars.Muse, ChannelGrammars.MuseAnswer, ChannelGrammars.MuseReasoning),
        ["inkling"] = new(ChannelGrammars.Inkling, ChannelGrammars.InklingAnswer),
        ["kimi_k3"] = new(ChannelGrammars.KimiK3, ChannelGrammars.KimiK3Answer),
    };

    /// <summary>The row of a format; null when the generic JSON shapes serve.</summary>
    public static FormatGrammar? Of(OutputFormat parser)
    {
        // A checkpoint of Hunyuan may add a suffix to every marker.
        const string Opener = "<tool_calls";
        return parser.ToolParser switch
        {
            "hy_v3" => new FormatGrammar(MarkupCallGrammars.HunyuanV3(parser.Tools.Openers[0][Opener.Length..^1]).Build),
            "hy_v4" => new FormatGrammar(MarkupCallGrammars.HunyuanV4(parser.Tools.Openers[0][Opener.Length..^1]).Build),
            var name => Rows.GetValueOrDefault(name),
        };
    }
}
