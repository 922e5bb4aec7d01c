using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>
/// Hunyuan v3 and v4: key/value pairs in sections; a checkpoint may add a suffix to every marker (<c>&lt;tool_call:6124c78e&gt;</c>).
/// </summary>
internal static class HunyuanFormats
{
    public static readonly ToolSyntax V3 = Create("hy_v3", "");

    public static readonly ToolSyntax V4 = Create("hy_v4", "");

    /// <summary>A13B: an array of JSON calls.</summary>
    public static readonly ToolSyntax A13B = new()
    {
        Id = "hunyuan_a13b",
        Openers = ["<tool_calls>"],
        NewlinesBefore = 1,
        Drops = ["<answer>\n", "<answer>", "</answer>"],
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</tool_calls>"], Repeats = true }),
        CallGrammar = JsonCallGrammars.Jamba.Build,
        AnswerGrammar = ChannelGrammars.HunyuanAnswer,
    };

    /// <summary>Thoughts of A13B: an answer element follows them.</summary>
    public static readonly ReasoningSyntax A13BReasoning = ThinkFormats.Think with
    {
        Id = "hunyuan_a13b",
        Aliases = [],
        Drops = ["<answer>\n", "<answer>", "\n</answer>", "</answer>"],
        EndedByCall = false,
    };

    /// <summary>The tool syntax with a marker suffix.</summary>
    public static ToolSyntax Create(string id, string suffix)
    {
        string Tag(string name) => $"<{name}{suffix}>";
        var pairs = new KeyValueSyntax
        {
            CallOpen = Tag("tool_call"),
            CallClose = Tag("/tool_call"),
            NameEnd = Tag("tool_sep"),
            KeyOpen = Tag("arg_key"),
            KeyClose = Tag("/arg_key"),
            ValueOpen = Tag("arg_value"),
            ValueClose = Tag("/arg_value"),
            SectionClosers = [Tag("/tool_calls")],
        };
        return new ToolSyntax
        {
            Id = id,
            Openers = [Tag("tool_calls"), Tag("tool_call")],
            NewlinesBefore = 1,
            Reader = context => new KeyValueReader(context, pairs),
            CallGrammar = (id == "hy_v3" ? MarkupCallGrammars.HunyuanV3(suffix) : MarkupCallGrammars.HunyuanV4(suffix)).Build,
        };
    }

    /// <summary>The reasoning syntax with a marker suffix.</summary>
    public static ReasoningSyntax CreateReasoning(string id, string suffix) => ThinkFormats.Think with
    {
        Id = id,
        Aliases = [],
        Opens = [$"<think{suffix}>"],
        Closes = [$"</think{suffix}>"],
        EndedByCall = false,
    };
}
