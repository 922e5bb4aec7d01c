using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>The formats with a header before raw JSON arguments.</summary>
internal static class HeaderFormats
{
    private const string DeepSeekEnd = "<｜end▁of▁sentence｜>";

    /// <summary>Kimi K2: the header is the call's id, which the template prints again, so it stays the call's id.</summary>
    public static readonly ToolSyntax KimiK2 = new()
    {
        Id = "kimi_k2",
        Aliases = ["kimi_k25"],
        Openers = ["<|tool_calls_section_begin|>", "<|tool_call_section_begin|>", "<|tool_call_begin|>"],
        Drops = ["<|tool_calls_section_end|>", "<|tool_call_section_end|>"],
        CallIds = CallIdStyle.Kimi,
        Reader = _ => new HeaderJsonReader(new HeaderJsonSyntax
        {
            CallOpens = ["<|tool_call_begin|>"],
            HeaderEnds = ["<|tool_call_argument_begin|>"],
            Closers = ["<|tool_call_end|>"],
            SectionClosers = ["<|tool_calls_section_end|>", "<|tool_call_section_end|>"],
            Header = KimiHeader,
        }),
        Tag = JsonCallTags.KimiK2.Build,
    };

    /// <summary>DeepSeek V3.1 (and V3.2-Exp): the header is the name. V3 and R1-0528: type, name line and a fenced block. One reader takes both.</summary>
    public static readonly ToolSyntax DeepSeekV31 = new()
    {
        Id = "deepseek_v31",
        Openers = ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"],
        Drops = [DeepSeekEnd],
        StrayClosers = ["<｜tool▁calls▁end｜>"],
        Reader = _ => new HeaderJsonReader(new HeaderJsonSyntax
        {
            CallOpens = ["<｜tool▁call▁begin｜>"],
            HeaderEnds = ["<｜tool▁sep｜>"],
            Closers = ["```", "<｜tool▁call▁end｜>"],
            SectionClosers = ["<｜tool▁calls▁end｜>"],
            TypeHeader = "function",
        }),
        Tag = JsonCallTags.DeepSeekV31.Build,
    };

    public static readonly ToolSyntax DeepSeekV3 = DeepSeekV31 with { Id = "deepseek_v3", Aliases = ["deepseek_r1"], Tag = JsonCallTags.DeepSeekV3.Build };

    /// <summary>Mistral: an array of JSON calls up to tokenizer v7, name and arguments since v11. What follows the marker decides.</summary>
    public static readonly ToolSyntax Mistral = new()
    {
        Id = "mistral",
        Openers = ["[TOOL_CALLS]"],
        CallIds = CallIdStyle.Mistral,
        Reader = context => new EitherReader(
            new JsonBodyReader(context, new JsonBodySyntax { Keys = new JsonCallKeys { Id = ["id"] }, Repeats = true, Separators = "," }),
            new HeaderJsonReader(new HeaderJsonSyntax
            {
                CallOpens = ["[TOOL_CALLS]"],
                HeaderEnds = ["[ARGS]"],
                BraceEndsHeader = true,
                Header = MistralHeader,
            })),
        Tag = JsonCallTags.Mistral,
    };

    public static readonly ToolSyntax Plamo3 = new()
    {
        Id = "plamo3",
        Openers = ["<|plamo:begin_tool_requests:plamo|>", "<|plamo:begin_tool_request:plamo|>"],
        Drops = ["<|plamo:end_tool_requests:plamo|>", "<|plamo:tag|>"],
        Reader = _ => new HeaderJsonReader(new HeaderJsonSyntax
        {
            CallOpens = ["<|plamo:begin_tool_name:plamo|>"],
            HeaderEnds = ["<|plamo:end_tool_name:plamo|>"],
            Closers = ["<|plamo:end_tool_arguments:plamo|>", "<|plamo:end_tool_request:plamo|>", "<|plamo:begin_tool_request:plamo|>"],
            SectionClosers = ["<|plamo:end_tool_requests:plamo|>"],
        }),
        Tag = JsonCallTags.Plamo3.Build,
    };

    private static (string Name, string? Id) KimiHeader(string header)
    {
        var colon = header.LastIndexOf(':');
        var name = colon > 0 && colon < header.Length - 1 && header.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0 ? header[..colon] : header;
        const string Functions = "functions.";
        return (name.StartsWith(Functions, StringComparison.Ordinal) ? name[Functions.Length..] : name, name == header ? null : header);
    }

    private static (string Name, string? Id) MistralHeader(string header)
    {
        var at = header.IndexOf("[CALL_ID]", StringComparison.Ordinal);
        if (at < 0)
        {
            return (header, null);
        }

        var id = header[(at + 9)..].Trim();
        return (header[..at].Trim(), id);
    }
}
