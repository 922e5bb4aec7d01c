using System.Buffers;
using System.Text.Json;
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
        StrayClosers = ["<|tool_calls_section_end|>", "<|tool_call_section_end|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>"],
        CallIds = CallIdStyle.Kimi,
        Reader = context => new HeaderJsonReader(context, new HeaderJsonSyntax
        {
            CallOpens = ["<|tool_call_begin|>"],
            HeaderEnds = ["<|tool_call_argument_begin|>"],
            Closers = ["<|tool_call_end|>"],
            SectionClosers = ["<|tool_calls_section_end|>", "<|tool_call_section_end|>"],
            BraceEndsHeader = true,
            Header = KimiId.Read,
            NameByArguments = KimiId.FindByArguments,
        }),
    };

    /// <summary>
    /// DeepSeek V3.1 (and V3.2-Exp): the header is the name. V3 and R1-0528: type, name line and a fenced block. One reader takes both.
    /// </summary>
    public static readonly ToolSyntax DeepSeekV31 = new()
    {
        Id = "deepseek_v31",
        Openers = ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"],
        Drops = [DeepSeekEnd],
        StrayClosers = ["<｜tool▁calls▁end｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"],
        Reader = context => new HeaderJsonReader(context, new HeaderJsonSyntax
        {
            CallOpens = ["<｜tool▁call▁begin｜>"],
            HeaderEnds = ["<｜tool▁sep｜>"],
            Closers = ["```", "<｜tool▁call▁end｜>"],
            SectionClosers = ["<｜tool▁calls▁end｜>"],
            TypeHeader = "function",
        }),
    };

    public static readonly ToolSyntax DeepSeekV3 = DeepSeekV31 with
    {
        Id = "deepseek_v3",
        Aliases = ["deepseek_r1"],
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
    };

    public static readonly ToolSyntax Plamo3 = new()
    {
        Id = "plamo3",
        Openers = ["<|plamo:begin_tool_requests:plamo|>", "<|plamo:begin_tool_request:plamo|>"],
        Drops = ["<|plamo:tag|>"],
        StrayClosers = ["<|plamo:end_tool_requests:plamo|>"],
        Reader = context => new HeaderJsonReader(context, new HeaderJsonSyntax
        {
            CallOpens = ["<|plamo:begin_tool_name:plamo|>"],
            HeaderEnds = ["<|plamo:end_tool_name:plamo|>"],
            Closers = ["<|plamo:end_tool_arguments:plamo|>", "<|plamo:end_tool_request:plamo|>", "<|plamo:begin_tool_request:plamo|>"],
            SectionClosers = ["<|plamo:end_tool_requests:plamo|>"],
        }),
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
/// (<c>functions_NAME_N</c>, <c>functionsNAMEN</c>, <c>N</c>), which only the declared tools tell apart.
/// </summary>
internal static class KimiId
{
    private const string Prefix = "functions";
    private const string Signs = "._:-/ ";

    private static readonly SearchValues<char> Numbering = SearchValues.Create("0123456789.:_-#[]()");

    /// <summary>Gets the name in an id, and the id if it has the right form; an empty name if it contains none.</summary>
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

    /// <summary>
    /// The one tool that takes these arguments and misses none, or of several the one that takes no others; empty when that leaves more, or none.
    /// </summary>
    public static string FindByArguments(ReaderContext context, string arguments)
    {
        using var document = JsonText.Parse(arguments);
        if (document is not { RootElement.ValueKind: JsonValueKind.Object })
        {
            return "";
        }

        var keys = document.RootElement.EnumerateObject().Select(member => member.Name).ToHashSet(StringComparer.Ordinal);
        var fitting = context.ToolNames.Where(tool => context.Schema(tool).Fits(keys)).ToArray();
        var exact = fitting.Length == 1 ? fitting : [.. fitting.Where(tool => context.Schema(tool).Root.DeclaredCount == keys.Count)];
        return exact.Length == 1 ? exact[0] : "";
    }

    /// <summary>Whether an id is a counter, perhaps after a word that is not a tool's name, or an id as other servers make them.</summary>
    private static bool IsNumber(ReadOnlySpan<char> id)
    {
        if (id.StartsWith("call_") || id.StartsWith("toolu_") || id.StartsWith("chatcmpl-tool-"))
        {
            return true;
        }

        while (SkipWord(id, out var rest))
        {
            id = rest;
        }

        return id.IsEmpty || (id.ContainsAnyInRange('0', '9') && !id.ContainsAnyExcept(Numbering));
    }

    /// <summary>Whether an id is a tool's name, perhaps between words and a number, whatever stands for signs in the name.</summary>
    private static bool IsFormOf(ReadOnlySpan<char> id, string tool)
    {
        for (var isLeft = true; isLeft; isLeft = SkipWord(id, out id))
        {
            id = id.TrimStart(Signs);
            if (IsName(id, tool, out var rest) && (rest is [':', ..] || rest.TrimStart(Signs).IndexOfAnyExceptInRange('0', '9') < 0))
            {
                return true;
            }
        }

        return false;
    }

    private static bool SkipWord(ReadOnlySpan<char> id, out ReadOnlySpan<char> rest)
    {
        foreach (var word in (ReadOnlySpan<string>)["functions", "function", "tools", "tool", "call"])
        {
            if (id.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            {
                rest = id[word.Length..].TrimStart(Signs);
                return true;
            }
        }

        rest = id;
        return false;
    }

    private static bool IsName(ReadOnlySpan<char> id, string tool, out ReadOnlySpan<char> rest)
    {
        var at = 0;
        rest = default;
        foreach (var c in tool)
        {
            var isThere = at < id.Length && char.ToLowerInvariant(id[at]) == char.ToLowerInvariant(c);
            if (char.IsLetterOrDigit(c) && !isThere)
            {
                return false;
            }

            at += isThere || (at < id.Length && Signs.Contains(id[at])) ? 1 : 0;
        }

        rest = id[at..];
        return true;
    }
}
