using Connectors.Vllm.ChatTemplates.Scopes;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Control tokens and the tool-call markup (DSML) that the DeepSeek V3.2 to V4.1 prompts share.</summary>
internal static class DeepSeekMarkup
{
    public const string Begin = "<｜begin▁of▁sentence｜>";
    public const string End = "<｜end▁of▁sentence｜>";
    public const string User = "<｜User｜>";
    public const string Assistant = "<｜Assistant｜>";
    public const string System = "<｜System｜>";
    public const string LatestReminder = "<｜latest_reminder｜>";
    public const string Image = "<｜deepseek_image｜>";
    public const string ThinkOpen = "<think>";
    public const string ThinkClose = "</think>";

    private const string Dsml = "｜DSML｜";

    /// <summary>Appends the calls of an assistant turn: <paramref name="block"/> around one invoke element per call.</summary>
    /// <param name="prompt">The prompt to append to.</param>
    /// <param name="calls">The calls, at least one.</param>
    /// <param name="block">Name of the outer element.</param>
    /// <param name="gap">The text between the DSML mark and every word: a space in V4.1.</param>
    public static void AppendCalls(PromptBuilder prompt, IReadOnlyList<PromptToolCall> calls, string block, string gap)
    {
        prompt.Markup($"\n\n<{Dsml}{gap}{block}>\n");
        for (var i = 0; i < calls.Count; i++)
        {
            prompt.Markup($"{(i == 0 ? "" : "\n")}<{Dsml}{gap}invoke name=\"").Content(calls[i].Name).Markup("\">\n");
            AppendArguments(prompt, calls[i].ParsedArguments, gap);
            prompt.Markup($"\n</{Dsml}{gap}invoke>");
        }

        prompt.Markup($"\n</{Dsml}{gap}{block}>");
    }

    /// <summary>Appends a tools section, in which the line SCHEMAS is replaced with one line of JSON per function.</summary>
    public static void AppendTools(PromptBuilder prompt, string section, IEnumerable<PromptTool> tools)
    {
        const string Place = "SCHEMAS\n";
        var place = section.IndexOf(Place, StringComparison.Ordinal);
        prompt.Markup(section[..place]);
        foreach (var tool in tools)
        {
            prompt.ContentJson(tool.Function, JsonStyle.Python).Markup("\n");
        }

        prompt.Markup(section[(place + Place.Length)..]);
    }

    private static void AppendArguments(PromptBuilder prompt, PromptValue arguments, string gap)
    {
        for (var i = 0; i < arguments.Members.Count; i++)
        {
            var (key, value) = arguments.Members[i];
            prompt.Markup($"{(i == 0 ? "" : "\n")}<{Dsml}{gap}parameter name=\"").Content(key)
                .Markup($"\" string=\"{(value.IsString ? "true" : "false")}\">");
            if (value.IsString)
            {
                prompt.Content(value.Text);
            }
            else
            {
                prompt.ContentJson(value, JsonStyle.Python);
            }

            prompt.Markup($"</{Dsml}{gap}parameter>");
        }
    }
}

/// <summary>One block of a user turn: text, or a tool's result.</summary>
/// <param name="Pieces">The pieces of the block's text, separated by an empty line.</param>
/// <param name="IsResult">Whether the block is a tool result.</param>
/// <param name="CallId">The call id of a result; null if it has none.</param>
internal sealed record DeepSeekBlock(IReadOnlyList<PromptText> Pieces, bool IsResult = false, string? CallId = null);
