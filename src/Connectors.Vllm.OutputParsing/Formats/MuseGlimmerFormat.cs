namespace Connectors.Vllm.OutputParsing;

/// <summary>Muse Glimmer: messages to the model itself (thoughts), to the user (text) and to tools (calls in its own XML).</summary>
internal static class MuseGlimmerFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "muse_glimmer",
        Drops = ["<|start|>", "<|message|>", "<|eom|>", "<|eot|>"],
        Machine = context => new MuseGlimmerMachine(context),
        Tag = ChannelCallTags.Muse,
        AnswerTag = ChannelCallTags.MuseAnswer,
    };

    public static readonly ReasoningSyntax Reasoning = new() { Id = "muse_glimmer" };
}
