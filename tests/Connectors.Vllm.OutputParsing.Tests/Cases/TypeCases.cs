namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>Values without quotes, typed by the tool's schema, in every format that writes such values.</summary>
internal static class TypeCases
{
    // A parameter of the tool "typed", what the model writes, and the JSON it stands for.
    private static readonly (string Key, string Value, string Json)[] Rows =
    [
        // A string or an integer: only what JSON reads as an integer is one.
        ("both", "42", "42"), ("both", "-12", "-12"), ("both", "0", "0"), ("both", "007", "\"007\""), ("both", "02134", "\"02134\""),
        ("both", "+4712345678", "\"+4712345678\""),
        ("both", "00", "\"00\""), ("both", "1.0", "\"1.0\""), ("both", "1.10", "\"1.10\""), ("both", "1e3", "\"1e3\""),
        ("both", "1_000", "\"1_000\""), ("both", "0x1F", "\"0x1F\""),
        ("both", "12345678901234567890", "12345678901234567890"), ("both", "NaN", "\"NaN\""), ("both", "١٢", "\"١٢\""),
        ("both", "true", "\"true\""), ("both", "12 3", "\"12 3\""),
        ("both", "12-34", "\"12-34\""), ("both", "1,000", "\"1,000\""), ("both", "None", "\"None\""), ("both", "red", "\"red\""),
        ("both", "-007", "\"-007\""),

        // A string or null.
        ("nullable", "null", "null"), ("nullable", "None", "\"None\""), ("nullable", "none", "\"none\""), ("nullable", "nil", "\"nil\""),
        ("nullable", "0", "\"0\""),
        ("nullable", "007", "\"007\""),

        // No string: None is null, as templates print it.
        ("count", "None", "null"), ("ratio", "None", "null"), ("flag", "None", "null"), ("list", "None", "null"), ("box", "None", "null"),
        ("maybe", "None", "null"),
        ("count", "null", "null"), ("box", "null", "null"), ("maybe", "null", "null"), ("all", "None", "null"),

        // Numbers.
        ("count", "7", "7"), ("count", "007", "7"), ("count", "+7", "7"), ("count", "7.0", "7"), ("count", "seven", "\"seven\""),
        ("count", " 7 ", "7"), ("count", "7.5", "7.5"),
        ("ratio", "0.50", "0.50"), ("ratio", "-1.5e3", "-1.5e3"), ("ratio", "3", "3"), ("ratio", "half", "\"half\""), ("maybe", "7", "7"),
        ("maybe", "x", "\"x\""), ("fixed", "7", "7"),
        ("all", "3", "3"),

        // Truth, lists and objects.
        ("flag", "true", "true"), ("flag", "True", "true"), ("flag", "false", "false"), ("flag", "1", "true"), ("flag", "yes", "\"yes\""),
        ("color", "red", "\"red\""), ("color", "7", "\"7\""),
        ("free", "3", "\"3\""), ("free", "None", "\"None\""),
    ];

    private static readonly (string Value, string Json)[] Containers =
    [
        ("[1, 2]", "[1,2]"), ("[]", "[]"), ("(1, 2)", "[1,2]"), ("[True, None]", "[true,null]"), ("1, 2", "\"1, 2\""), ("[1, 2", "\"[1, 2\""),
        ("", "[]"),
    ];

    public static IEnumerable<OutputCase> All =>
    [
        .. Of("qwen3_coder", (key, value) => $"<tool_call>\n<function=typed>\n<parameter={key}>\n{value}\n</parameter>\n</function>\n</tool_call>"),
        .. Of("mimo", (key, value) => $"<tool_call><function=typed><parameter={key}>{value}</parameter></function></tool_call>"),
        .. Of("seed_oss", (key, value) =>
            $"<seed:tool_call>\n<function=typed>\n<parameter={key}>{value}</parameter>\n</function>\n</seed:tool_call>"),
        .. Of("glm47", (key, value) => $"<tool_call>typed<arg_key>{key}</arg_key><arg_value>{value}</arg_value></tool_call>"),
        .. Of("hy_v4", (key, value) =>
            $"<tool_calls><tool_call>typed<arg_key>{key}</arg_key><arg_value>{value}</arg_value></tool_call></tool_calls>"),
        .. Of("minimax_m2", (key, value) =>
            $"<minimax:tool_call>\n<invoke name=\"typed\">\n<parameter name=\"{key}\">{value}</parameter>\n</invoke>\n</minimax:tool_call>"),
        .. Of("minicpm5", (key, value) => $"<function name=\"typed\"><param name=\"{key}\">{value}</param></function>"),
        .. Of("minimax_m3", (key, value) =>
            $"]<]minimax[>[<invoke name=\"typed\">]<]minimax[>[<{key}>{value}]<]minimax[>[</{key}>]<]minimax[>[</invoke>"),
        .. Rows.Where(row => !row.Value.Contains(',') && row.Value.Trim() == row.Value)
            .Select(row => Case("gemma4", row.Key, row.Value, row.Json, $"<|tool_call>call:typed{{{row.Key}:{row.Value}}}<tool_call|>"))
            .Where(item => !item.Output.Contains("free:")),
    ];

    private static IEnumerable<OutputCase> Of(string tools, Func<string, string, string> write) =>
        Rows.Concat(Containers.Select(row => ("list", row.Value, row.Json)))
            .Select(row => Case(tools, row.Item1, row.Item2, row.Item3, write(row.Item1, row.Item2)));

    private static OutputCase Case(string tools, string key, string value, string json, string output) =>
        new($"{key} = '{value}'", output, $"C typed {{\"{key}\":{json}}}") { Tools = tools };
}
