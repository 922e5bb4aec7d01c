using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>The table of all formats. A new format is one class, in the file of its kind or a new one, and one entry.</summary>
internal static class FormatTable
{
    public static readonly ToolSyntax[] Tools =
    [
        ToolSyntax.None,
        HermesFormat.Tools,
        HermesFormat.LongCat,
        QwenCoderFormat.Tools,
        QwenCoderFormat.Mimo,
        QwenCoderFormat.SeedOss,
        DsmlFormat.V32,
        DsmlFormat.V4,
        DsmlFormat.V41,
        InvokeFormats.MinimaxM2,
        InvokeFormats.Step3,
        InvokeFormats.Dots,
        InvokeFormats.MiniCpm5,
        InvokeFormats.CohereCofl,
        HarmonyFormat.Tools,
        MuseGlimmerFormat.Tools,
        GlmFormat.Glm45,
        GlmFormat.Glm47,
        GlmFormat.Ling3,
        GlmFormat.Poolside,
        HunyuanFormats.V3,
        HunyuanFormats.V4,
        HunyuanFormats.A13B,
        K2HorizonFormat.Tools,
        SolarOpenFormat.Tools,
        HeaderFormats.KimiK2,
        HeaderFormats.DeepSeekV31,
        HeaderFormats.DeepSeekV3,
        HeaderFormats.Mistral,
        HeaderFormats.Plamo3,
        JsonFormats.Llama3,
        JsonFormats.Granite,
        JsonFormats.Phi4Mini,
        JsonFormats.Cohere,
        JsonFormats.InternLm2,
        JsonFormats.Jamba,
        JsonFormats.NemotronNanoV2,
        JsonFormats.Xlam,
        JsonFormats.Apertus,
        JsonFormats.GigaChat3,
        JsonFormats.Ernie45,
        JsonFormats.Inkling,
        PythonicFormats.Pythonic,
        PythonicFormats.Llama4,
        PythonicFormats.Olmo3,
        PythonicFormats.Lfm2,
        PythonicFormats.Sarashina,
        GemmaFormats.Gemma4,
        GemmaFormats.FunctionGemma,
        KimiK3Format.Tools,
        MinimaxM3Format.Tools,
    ];

    public static readonly ReasoningSyntax[] Reasoning =
    [
        ReasoningSyntax.None,
        .. ThinkFormats.All,
        HarmonyFormat.Reasoning,
        MuseGlimmerFormat.Reasoning,
        HunyuanFormats.A13BReasoning,
        K2HorizonFormat.Reasoning,
        SolarOpenFormat.Reasoning,
        GemmaFormats.Gemma4Reasoning,
        KimiK3Format.Reasoning,
        MinimaxM3Format.Reasoning,
    ];

    /// <summary>The names of all tool parsers, including vLLM's aliases.</summary>
    public static IReadOnlyList<string> ToolNames { get; } = [.. Tools.SelectMany(row => row.Names)];

    /// <summary>The names of all reasoning parsers, including vLLM's aliases.</summary>
    public static IReadOnlyList<string> ReasoningNames { get; } = [.. Reasoning.SelectMany(row => row.Names)];

    /// <summary>The row of a tool parser's name; null when there is none.</summary>
    public static ToolSyntax? FindTools(string name) =>
        Array.Find(Tools, row => row.Names.Contains(Normalize(name), StringComparer.Ordinal));

    /// <summary>The row of a reasoning parser's name, under that name; null when there is none.</summary>
    public static ReasoningSyntax? FindReasoning(string name)
    {
        var wanted = Normalize(name);
        var found = Array.Find(Reasoning, row => row.Names.Contains(wanted, StringComparer.Ordinal));
        return found is null || found.Id == wanted ? found : found with { Id = wanted };
    }

    private static string Normalize(string name) => name.Trim().ToLowerInvariant().Replace('-', '_').Replace('.', '_');
}
