namespace Connectors.Vllm.OutputParsing;

/// <summary>OpenAI's gpt-oss: messages on channels. https://cookbook.openai.com/articles/openai-harmony</summary>
internal static class HarmonyFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "openai",
        Aliases = ["harmony", "gpt_oss", "openai_gptoss"],
        Drops = ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"],
        Machine = context => new HarmonyMachine(context),
        Tag = ChannelCallTags.Harmony,
        AnswerTag = ChannelCallTags.HarmonyAnswer,
    };

    public static readonly ReasoningSyntax Reasoning = new() { Id = "openai_gptoss", Aliases = ["harmony", "gpt_oss", "openai"] };
}
