using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// Formats whose reasoning, answers and calls are messages or blocks with headers of their own. End markers that stop generation cannot be in a
/// grammar, hence the optional ends.
/// </summary>
internal static class ChannelGrammars
{
    private const string KimiK3Open = "<|open|>response<|sep|>";
    private const string KimiK3Close = "<|close|>response<|sep|>";

    private static readonly string[] KimiK3Marks = ["<|open|>", "<|close|>", "<|sep|>"];
    private static readonly string[] JsonTypes = [" json", " <|constrain|>json"];

    private static readonly CallGrammar KimiK3Calls = new()
    {
        Open = "<|open|>tools<|sep|>",
        Begin = name => Sequence($"<|open|>call tool=\"{KimiK3Attribute(name)}\" index=\"", Pattern("[0-9]+"), "\"<|sep|>"),
        Markup = new TaggedArguments
        {
            NameOpen = "<|open|>argument key=\"",
            NameClose = type => $"\" type=\"{type}\"<|sep|>",
            ValueClose = "<|close|>argument<|sep|>",
            Escape = KimiK3Attribute,
            IsTyped = true,
        }.Build,
        End = "<|close|>call<|sep|>",
        Close = "<|close|>tools<|sep|>",

        // The prompt may have opened the response; it is closed before calls, empty or not.
        Lead = Optional(Sequence(Optional(KimiK3Open), new FreeTextNode([KimiK3Close], false, KimiK3Marks))),
    };

    /// <summary>What gpt-oss may write before its call or answer: reasoning and a preamble.</summary>
    public static ConstraintNode HarmonyReasoning { get; } = Sequence(HarmonyBefore("analysis"), HarmonyBefore("commentary"));

    /// <summary>What Muse Glimmer may write before its call or answer.</summary>
    public static ConstraintNode MuseReasoning { get; } = Optional(Sequence(" to=self<|message|>", UpTo("<|eom|>"), "<|start|>assistant"));

    /// <summary>gpt-oss: one message with a call; the recipient may stand before or after the channel.</summary>
    public static ConstraintNode Harmony(CallRequest request)
    {
        var messages = new List<ConstraintNode>();
        foreach (var tool in request.Tools)
        {
            foreach (var channel in (ReadOnlySpan<string>)["commentary", "analysis", "final"])
            {
                foreach (var type in JsonTypes)
                {
                    messages.Add(Message($" to=functions.{tool.Name}<|channel|>{channel}{type}<|message|>", tool));
                    messages.Add(Message($"<|channel|>{channel} to=functions.{tool.Name}{type}<|message|>", tool));
                }
            }
        }

        if (!request.IsForced)
        {
            messages.AddRange(JsonTypes.Append("").Select(type => Sequence($"<|channel|>final{type}<|message|>", UpToEndOr("<|end|>"))));
        }

        return Choice([.. messages]);

        ConstraintNode Message(string header, OutputTool tool) => Sequence(header, Json(request.Schema(tool)), Optional("<|end|>"));
    }

    /// <summary>An answer of gpt-oss: the final message.</summary>
    public static ConstraintNode HarmonyAnswer(ConstraintNode answer) =>
        Choice([.. JsonTypes.Select(type => Sequence($"<|channel|>final{type}<|message|>", answer, Optional("<|end|>")))]);

    /// <summary>Muse Glimmer: one message to the tool (or to the user, where no call is required).</summary>
    public static ConstraintNode Muse(CallRequest request)
    {
        var arguments = new TaggedArguments
        { NameOpen = "<atem:parameter name=\"", NameClose = _ => "\">", ValueClose = "</atem:parameter>", After = "\n" };
        var messages = request.Tools.Select(tool => Sequence(
            $" to={tool.Name}<|message|><atem:function_calls>\n<atem:invoke name=\"{tool.Name}\">\n",
            arguments.Build(request.Schema(tool)),
            "</atem:invoke>\n</atem:function_calls>",
            MuseEnd())).ToList();
        if (!request.IsForced)
        {
            messages.Add(Sequence(" to=user<|message|>", UpToEndOr("<|eot|>", "<|eom|>")));
        }

        return Choice([.. messages]);
    }

    /// <summary>An answer of Muse Glimmer: the message to the user.</summary>
    public static ConstraintNode MuseAnswer(ConstraintNode answer) => Sequence(" to=user<|message|>", answer, MuseEnd());

    /// <summary>Inkling: the prompt has begun a block of the model; every further call begins one itself.</summary>
    public static ConstraintNode Inkling(CallRequest request)
    {
        const string Invoke = "<|content_invoke_tool_json|>";
        ConstraintNode Call(OutputTool tool, string header) =>
            Sequence($"{header}{Invoke}{{\"name\":{JsonText.Quote(tool.Name)},\"args\":", Json(request.Schema(tool)), "}<|end_message|>");
        return request.IsForced
            ? new RepeatNode(Choice([.. request.Tools.Select(tool => Call(tool, tool.Name))]), 1, request.Multiple ? null : 1, "<|message_model|>")
            : new CallsInTextNode(Invoke, [.. request.Tools.Select(tool => Call(tool, ""))], request.Multiple, []);
    }

    public static ConstraintNode InklingAnswer(ConstraintNode answer) => Sequence("<|content_text|>", answer, "<|end_message|>");

    /// <summary>Kimi K3. Beside a JSON answer the response before calls is empty: free text would take the answer for itself.</summary>
    public static ConstraintNode KimiK3(CallRequest request) => request.IsForced
        ? (request.HasAnswer ? KimiK3Calls with { Lead = Sequence(Optional(KimiK3Open), KimiK3Close) } : KimiK3Calls).Build(request)
        : Sequence(
            Optional(KimiK3Open),
            new FreeTextNode([KimiK3Close], true, KimiK3Marks),
            Optional(KimiK3Calls.Together(request)));

    public static ConstraintNode KimiK3Answer(ConstraintNode answer) =>
        Sequence(Optional("<|open|>response<|sep|>"), answer, Optional("<|close|>response<|sep|>"));

    public static ConstraintNode CohereAnswer(ConstraintNode answer) => Choice(
        Sequence("<|START_RESPONSE|>", answer, "<|END_RESPONSE|>"), Sequence("<|START_TEXT|>", answer, "<|END_TEXT|>"));

    /// <summary>ERNIE may put its answer into an element.</summary>
    public static ConstraintNode ErnieAnswer(ConstraintNode answer) =>
        Choice(Sequence("<response>\n", answer, "\n</response>", Optional("\n")), answer);

    /// <summary>So may Hunyuan A13B.</summary>
    public static ConstraintNode HunyuanAnswer(ConstraintNode answer) => Choice(Sequence("<answer>\n", answer, "\n</answer>"), answer);

    private static ConstraintNode HarmonyBefore(string channel) =>
        Optional(Sequence($"<|channel|>{channel}<|message|>", UpTo("<|end|>"), "<|start|>assistant"));

    private static ConstraintNode MuseEnd() => Optional(Choice("<|eot|>", "<|eom|>"));

    private static string KimiK3Attribute(string value) => value.Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("\"", "&quot;", StringComparison.Ordinal);
}
