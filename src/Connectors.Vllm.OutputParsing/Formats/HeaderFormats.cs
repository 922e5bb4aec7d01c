using System.Buffers;
using System.Text.Json;
using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;
using Connectors.Vllm.OutputParsing.Schemas;

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
        Reader = context => new HeaderJsonReader(context, new HeaderJsonSyntax
        {
            CallOpens = ["<|tool_call_begin|>"],
            HeaderEnds = ["<|tool_call_argument_begin|>"],
            Closers = ["<|tool_call_end|>"],
            SectionClosers = ["<|tool_calls_section_end|>", "<|tool_call_section_end|>"],
            Header = KimiId.Read,
            NameByArguments = KimiId.FindByArguments,
        }),
        CallGrammar = JsonCallGrammars.KimiK2.Build,
    };

    /// <summary>
    /// DeepSeek V3.1 (and V3.2-Exp): the header is the name. V3 and R1-0528: type, name line and a fenced block. One reader takes both.
    /// </summary>
    public static readonly ToolSyntax DeepSeekV31 = new()
    {
        Id = "deepseek_v31",
        Openers = ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"],
        Drops = [DeepSeekEnd],
        StrayClosers = ["<｜tool▁calls▁end｜>"],
        Reader = context => new HeaderJsonReader(context, new HeaderJsonSyntax
        {
            CallOpens = ["<｜tool▁call▁begin｜>"],
            HeaderEnds = ["<｜tool▁sep｜>"],
            Closers = ["```", "<｜tool▁call▁end｜>"],
            SectionClosers = ["<｜tool▁calls▁end｜>"],
            TypeHeader = "function",
        }),
        CallGrammar = JsonCallGrammars.DeepSeekV31.Build,
    };

    public static readonly ToolSyntax DeepSeekV3 = DeepSeekV31 with
    {
        Id = "deepseek_v3",
        Aliases = ["deepseek_r1"],
        CallGrammar = JsonCallGrammars.DeepSeekV3.Build,
    };

    /// <summary>Mistral: an array of JSON calls up to tokenizer v7, name and arguments since v11. What follows the marker decides.</summary>
    public static readonly ToolSyntax Mistral = new()
    {
        Id = "mistral",
        Openers = ["[TOOL_CALLS]"],
        CallIds = CallIdStyle.Mistral,
        Reader = context => new EitherReader(
            new JsonBodyReader(context, new JsonBodySyntax { Keys = new JsonCallKeys { Id = ["id"] }, Repeats = true, Separators = "," }),
            new HeaderJsonReader(context, new HeaderJsonSyntax
            {
                CallOpens = ["[TOOL_CALLS]"],
                HeaderEnds = ["[ARGS]"],
                BraceEndsHeader = true,
                Header = MistralHeader,
            })),
        CallGrammar = JsonCallGrammars.Mistral,
    };

    public static readonly ToolSyntax Plamo3 = new()
    {
        Id = "plamo3",
        Openers = ["<|plamo:begin_tool_requests:plamo|>", "<|plamo:begin_tool_request:plamo|>"],
        Drops = ["<|plamo:end_tool_requests:plamo|>", "<|plamo:tag|>"],
        Reader = context => new HeaderJsonReader(context, new HeaderJsonSyntax
        {
            CallOpens = ["<|plamo:begin_tool_name:plamo|>"],
            HeaderEnds = ["<|plamo:end_tool_name:plamo|>"],
            Closers = ["<|plamo:end_tool_arguments:plamo|>", "<|plamo:end_tool_request:plamo|>", "<|plamo:begin_tool_request:plamo|>"],
            SectionClosers = ["<|plamo:end_tool_requests:plamo|>"],
        }),
        CallGrammar = JsonCallGrammars.Plamo3.Build,
    };

    private static (string Name, string? Id) MistralHeader(ReaderContext context, string header)
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

/// <summary>
/// The ids that Kimi K2 writes before its arguments: <c>functions.NAME:N</c>. Clients that rewrite ids teach the model other forms
/// (<c>functions_NAME_N</c>, <c>functionsNAMEN</c>, <c>N</c>), which only the declared tools can tell apart.
/// </summary>
internal static class KimiId
{
    private const string Prefix = "functions";
    private const string Signs = "._:-/ ";

    private static readonly SearchValues<char> Numbering = SearchValues.Create("0123456789.:_-");

    /// <summary>The name in an id, and the id where it has the right form; an empty name where it tells none.</summary>
    public static (string Name, string? Id) Read(ReaderContext context, string id)
    {
        var colon = id.LastIndexOf(':');
        var isCounted = colon > 0 && colon < id.Length - 1 && id.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0;
        var name = isCounted ? id[..colon] : id;
        name = name.StartsWith(Prefix + ".", StringComparison.Ordinal) ? name[(Prefix.Length + 1)..] : name;
        if (context.IsDeclared(name))
        {
            return (name, isCounted ? id : null);
        }

        var declared = context.ToolNames.Where(tool => IsFormOf(id, tool)).MaxBy(tool => tool.Length);
        return declared is not null ? (declared, null)
            : IsNumber(id) ? ("", null)
            : (name, isCounted ? id : null);
    }

    /// <summary>The one tool that takes these arguments and misses none; empty when several do, or none.</summary>
    public static string FindByArguments(ReaderContext context, string arguments)
    {
        using var document = JsonText.Parse(arguments);
        if (document is not { RootElement.ValueKind: JsonValueKind.Object })
        {
            return "";
        }

        var keys = document.RootElement.EnumerateObject().Select(member => member.Name).ToHashSet(StringComparer.Ordinal);
        var fitting = context.ToolNames.Where(tool => context.Schema(tool).Fits(keys)).Take(2).ToArray();
        return fitting.Length == 1 ? fitting[0] : "";
    }

    /// <summary>Whether an id is a counter, perhaps behind a word that is no tool's name.</summary>
    private static bool IsNumber(string id)
    {
        var rest = id.AsSpan();
        foreach (var word in (ReadOnlySpan<string>)[Prefix, "function", "tool", "call"])
        {
            rest = rest.StartsWith(word, StringComparison.Ordinal) ? rest[word.Length..].TrimStart(Signs) : rest;
        }

        return rest.IndexOfAnyExcept(Numbering) < 0;
    }

    /// <summary>Whether an id is a tool's name between the prefix and a number, whatever stands between them and for signs in the name.</summary>
    private static bool IsFormOf(string id, string tool)
    {
        var rest = id.AsSpan();
        rest = rest.StartsWith(Prefix, StringComparison.Ordinal) && !tool.StartsWith(Prefix, StringComparison.Ordinal) ? rest[Prefix.Length..] : rest;
        rest = rest.TrimStart(Signs);
        if (rest.Length < tool.Length)
        {
            return false;
        }

        for (var i = 0; i < tool.Length; i++)
        {
            if (rest[i] != tool[i] && (char.IsAsciiLetterOrDigit(tool[i]) || rest[i] is not ('_' or '-')))
            {
                return false;
            }
        }

        return rest[tool.Length..].TrimStart(Signs).IndexOfAnyExceptInRange('0', '9') < 0;
    }
}
