using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// Re-sending a plain answer extends the prompt the server has cached, with the templates of real models. For those named here it cannot: they print
/// an earlier turn otherwise than the prompt of that turn, or their models write more than the plain answer.
/// </summary>
public sealed class CorpusPrefixTests
{
    private static readonly Dictionary<string, string> Rewriting = new()
    {
        ["CohereForAI-c4ai-command-r-plus-tool_use"] = "prints its instructions behind the last question",
        ["CohereForAI-c4ai-command-r7b-12-2024-tool_use"] = "the model writes the answer between markers of its own",
        ["GLM-5.2"] = "drops the empty thought that the first prompt holds",
        ["Kimi-K2-Thinking"] = "writes an empty thought in front of an answer without one",
        ["NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"] = "drops the empty thought that the first prompt holds",
        ["Qwen3.5-4B"] = "drops the empty thought that the first prompt holds",
        ["cfg__mrs-default.json"] = "writes the space in front of an answer itself",
        ["cfg__mrs-idefics3.json"] = "writes the space in front of an answer itself",
        ["cfg__mrs-llama2.json"] = "writes the space in front of an answer itself",
        ["cfg__mrs-vicuna.json"] = "writes the space in front of an answer itself",
        ["cfg__ort-chatglm"] = "writes the space in front of an answer itself",
        ["chujie__amberchat"] = "indents earlier turns",
        ["chujie__chatqa"] = "indents earlier turns",
        ["chujie__falcon-instruct"] = "indents earlier turns",
        ["chujie__llama-3-instruct"] = "indents earlier turns",
        ["chujie__mistral-instruct"] = "indents earlier turns",
        ["chujie__saiga"] = "indents earlier turns",
        ["chujie__zephyr"] = "indents earlier turns",
        ["mrs__deepseek_tool_call"] = "indents earlier turns",
        ["deepseek-ai-DeepSeek-R1-Distill-Llama-8B"] = "drops the empty thought that the first prompt holds",
        ["deepseek-ai-DeepSeek-V3.2"] = "drops the empty thought that the first prompt holds",
        ["google-gemma-4-31B-it"] = "drops the empty thought that the first prompt holds",
        ["meetkai-functionary-medium-v3.2"] = "the model writes the recipient in front of the answer",
        ["openai-gpt-oss-120b"] = "the model writes the channel in front of the answer",
    };

    /// <summary>The small model with a begin token, which many templates print.</summary>
    private static readonly Lazy<string> Folder = new(() =>
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("tiny-begin-").FullName);
        var config = Path.Combine(folder, "tokenizer_config.json");
        File.WriteAllText(
            config, File.ReadAllText(config).Replace("\"bos_token\": null", "\"bos_token\": \"<|endoftext|>\"", StringComparison.Ordinal));
        return folder;
    });

    public static TheoryData<string> Templates
    {
        get
        {
            var data = new TheoryData<string>();
            if (TestPaths.Corpus is null)
            {
                data.Add("(no corpus)");
            }
            else
            {
                foreach (var file in Directory.EnumerateFiles(Path.Combine(TestPaths.Corpus, "chat-templates"), "*.jinja").Order())
                {
                    data.Add(Path.GetFileNameWithoutExtension(file));
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public async Task SecondTurn_AfterAnAnswer_BeginsWithPromptAndAnswerOfTheFirst(string template)
    {
        var source = await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}.jinja"), Served.Cancel);
        var profile = await VllmModelProfile.FromDirectoryAsync(
            Folder.Value, new VllmGrpcOptions { ChatTemplate = source, ToolCallParser = "none", ReasoningParser = "none" }, Served.Cancel);
        const string Answer = "It depends: \"yes\" & no, 2 < 3.";
        var options = new ChatOptions
        {
            Tools = template.EndsWith("tool_use", StringComparison.Ordinal) ? [TestTools.Now] : null,
            ChatTemplateArguments = new Dictionary<string, object?> { ["functions"] = "[]", ["datetime"] = "now" },
        };
        var history = new List<ChatMessage> { new(ChatRole.User, "Is it?") };

        var first = VllmPromptPreview.Create(profile, history, options);
        history.Add(new ChatMessage(ChatRole.Assistant, Answer));
        history.Add(new ChatMessage(ChatRole.User, "Why?"));
        var second = VllmPromptPreview.Create(profile, history, options);

        var kept = second.Text.StartsWith(first.Text + Answer, StringComparison.Ordinal);
        Assert.True(kept != Rewriting.ContainsKey(template), $"{first.Text}\n=====\n{second.Text}");
        if (kept)
        {
            Assert.Equal(first.TokenIds, second.TokenIds.Take(first.TokenIds.Count));
        }
    }
}
