using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// Formats whose thoughts, answers and calls are messages or blocks with headers of their own. End markers that stop generation cannot be in a grammar, hence
/// the empty ends.
/// </summary>
internal static class ChannelCallTags
{
    private static readonly CallTag KimiK3Calls = new()
    {
        Open = "<|open|>tools<|sep|>",
        Begin = name => $"<|open|>call tool=\"{KimiK3Attribute(name)}\" index=\"",
        Number = _ => [Regex("\\d+"), Const("\"<|sep|>")],
        Markup = new TaggedArguments
        {
            NameOpen = "<|open|>argument key=\"",
            NameClose = type => $"\" type=\"{type}\"<|sep|>",
            ValueClose = "<|close|>argument<|sep|>",
            Escape = KimiK3Attribute,
        }.Build,
        End = "<|close|>call<|sep|>",
        Close = "<|close|>tools<|sep|>",

        // The prompt may have opened the response; it is closed before calls, empty or not.
        Lead = () => Sequence(
            Optional(Const("<|open|>response<|sep|>")), Tag("", AnyText("<|open|>", "<|close|>", "<|sep|>"), "<|close|>response<|sep|>")),
    };

    /// <summary>gpt-oss: a thought and a preamble may come first; the recipient may stand before or behind the channel.</summary>
    public static JsonObject Harmony(CallTagRequest request)
    {
        var tags = new List<JsonObject>();
        foreach (var tool in request.Tools)
        {
            foreach (var channel in (ReadOnlySpan<string>)["commentary", "analysis", "final"])
            {
                foreach (var type in (ReadOnlySpan<string>)[" json", " <|constrain|>json"])
                {
                    tags.Add(Message($" to=functions.{tool.Name}<|channel|>{channel}{type}<|message|>", tool));
                    tags.Add(Message($"<|channel|>{channel} to=functions.{tool.Name}{type}<|message|>", tool));
                }
            }
        }

        if (!request.IsForced)
        {
            foreach (var type in (ReadOnlySpan<string>)["", " json", " <|constrain|>json"])
            {
                tags.Add(Tag($"<|channel|>final{type}<|message|>", AnyText(), "<|end|>", ""));
            }
        }

        return Sequence(HarmonyBefore("analysis"), HarmonyBefore("commentary"), Or([.. tags]));

        JsonObject Message(string header, OutputTool tool) => Tag(header, Schema(request.Schema(tool).ToNode()), "<|end|>", "");
    }

    /// <summary>An answer of gpt-oss: a thought, then the final message.</summary>
    public static JsonObject HarmonyAnswer(JsonObject answer) => Sequence(
        HarmonyBefore("analysis"),
        Or(Tag("<|channel|>final json<|message|>", (JsonObject)answer.DeepClone(), "<|end|>", ""), Tag("<|channel|>final <|constrain|>json<|message|>", answer, "<|end|>", "")));

    /// <summary>Muse Glimmer: a thought may come first, then one message to the tool (or to the user, where no call is required).</summary>
    public static JsonObject Muse(CallTagRequest request)
    {
        var arguments = new TaggedArguments { NameOpen = "<atem:parameter name=\"", NameClose = _ => "\">", ValueClose = "</atem:parameter>", Between = "\n" };
        var messages = request.Tools.Select(tool => Tag(
            $" to={tool.Name}<|message|><atem:function_calls>\n<atem:invoke name=\"{tool.Name}\">\n",
            arguments.Build(request.Schema(tool)),
            "</atem:invoke>\n</atem:function_calls><|eot|>", "</atem:invoke>\n</atem:function_calls><|eom|>", "</atem:invoke>\n</atem:function_calls>")).ToList();
        if (!request.IsForced)
        {
            messages.Add(Tag(" to=user<|message|>", AnyText(), "<|eot|>", "<|eom|>", ""));
        }

        return Sequence(MuseThought(), Or([.. messages]));
    }

    /// <summary>An answer of Muse Glimmer: a thought, then the message to the user.</summary>
    public static JsonObject MuseAnswer(JsonObject answer) => Sequence(MuseThought(), Tag(" to=user<|message|>", answer, "<|eot|>", "<|eom|>", ""));

    /// <summary>Inkling: the prompt has begun a block of the model; every further call begins one itself.</summary>
    public static JsonObject Inkling(CallTagRequest request)
    {
        const string Invoke = "<|content_invoke_tool_json|>";
        JsonObject Call(OutputTool tool, string header) =>
            Tag($"{header}{Invoke}{{\"name\":{JsonText.Quote(tool.Name)},\"args\":", Schema(request.Schema(tool).ToNode()), "}<|end_message|>");
        return request.IsForced
            ? Separated("<|message_model|>", request.Tools.Select(tool => Call(tool, tool.Name)), request)
            : Triggered(Invoke, request.Tools.Select(tool => Call(tool, "")), request);
    }

    public static JsonObject InklingAnswer(JsonObject answer) => Tag("<|content_text|>", answer, "<|end_message|>");

    public static JsonObject KimiK3(CallTagRequest request) => KimiK3Calls.Build(request);

    public static JsonObject KimiK3Answer(JsonObject answer) => Sequence(Optional(Const("<|open|>response<|sep|>")), Tag("", answer, "<|close|>response<|sep|>", ""));

    public static JsonObject CohereAnswer(JsonObject answer) => Or(
        Tag("<|START_RESPONSE|>", (JsonObject)answer.DeepClone(), "<|END_RESPONSE|>"), Tag("<|START_TEXT|>", answer, "<|END_TEXT|>"));

    /// <summary>ERNIE may put its answer into an element.</summary>
    public static JsonObject ErnieAnswer(JsonObject answer) => Or(Tag("<response>\n", (JsonObject)answer.DeepClone(), "\n</response>\n", "\n</response>"), answer);

    /// <summary>So may Hunyuan A13B.</summary>
    public static JsonObject HunyuanAnswer(JsonObject answer) => Or(Tag("<answer>\n", (JsonObject)answer.DeepClone(), "\n</answer>"), answer);

    private static JsonObject HarmonyBefore(string channel) =>
        Optional(Sequence(Tag($"<|channel|>{channel}<|message|>", AnyText(), "<|end|>"), Const("<|start|>assistant")));

    private static JsonObject MuseThought() => Optional(Sequence(Tag(" to=self<|message|>", AnyText(), "<|eom|>"), Const("<|start|>assistant")));

    private static string KimiK3Attribute(string value) => value.Replace("&", "&amp;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);
}
