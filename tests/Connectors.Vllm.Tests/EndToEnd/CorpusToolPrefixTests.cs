using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// A thought and calls as a real template prints them, spoken by a model, parsed, and printed again for the next round: the next prompt begins with
/// what the model saw, so that the server's prefix cache holds all of it. For the templates named here it cannot.
/// </summary>
public sealed class CorpusToolPrefixTests
{
    private static readonly Dictionary<string, string> Unable = new()
    {
        ["mrs__smollm3"] = "prints no calls of earlier turns",
        ["cfg__lenml-deepseek_v3"] = "prints no calls of earlier turns",
        ["ibm-granite-granite-3.3-2B-Instruct"] = "prints no calls of earlier turns",
        ["chujie__granite-3.0-instruct"] = "prints no calls of earlier turns",
        ["LFM2-8B-A1B"] = "prints no calls of earlier turns",
        ["Kimi-K2-Thinking"] = "changes a list, which the reference's sandbox forbids",
        ["fireworks-ai-llama-3-firefunction-v2"] = "wants its tools as an argument of its own",
        ["mrs__deepseek_tool_call"] = "indents earlier turns",
        ["deepseek-ai-DeepSeek-R1-Distill-Llama-8B"] = "prints no calls of earlier turns, and drops the thought its prompt opens",
    };

    // Where a template ends the turn of the model; the model's own words come before.
    private static readonly string[] Ends =
    [
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "</s>", "<|observation|>", "<|user|>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>",
        "<|END_OF_TURN_TOKEN|>", "<|end_of_text|>",
        "<|start|>functions", "<|endoftext|>", "<end_of_turn>", "\n<|end|>\n",
    ];

    private static readonly Lazy<string> Folder = new(() =>
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("tiny-tools-").FullName);
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
                return data;
            }

            foreach (var file in Directory.EnumerateFiles(Path.Combine(TestPaths.Corpus, "chat-templates"), "*.jinja").Order())
            {
                if (!Unable.ContainsKey(Path.GetFileNameWithoutExtension(file))
                    && OutputFormat.Select(new OutputFormatHints { ChatTemplate = File.ReadAllText(file) }).ToolParser != "none")
                {
                    data.Add(Path.GetFileNameWithoutExtension(file));
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Templates))]
    public async Task SecondRound_AfterCallsAsTheTemplatePrintsThem_BeginsWithPromptAndWordsOfTheFirst(string template)
    {
        var source = await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}.jinja"), Served.Cancel);
        var format = OutputFormat.Select(new OutputFormatHints { ChatTemplate = source });
        void Configure(VllmGrpcOptions options) =>
            (options.ChatTemplate, options.ToolCallParser, options.ReasoningParser) = (source, format.ToolParser, format.ReasoningParser);
        await using var served = await Served.StartAsync(EmulatedServer.VllmEngine, server => server.ModelDirectory = Folder.Value, Configure);
        var settings = new VllmGrpcOptions();
        Configure(settings);
        var profile = await VllmModelProfile.FromDirectoryAsync(Folder.Value, settings, Served.Cancel);
        var options = new ChatOptions
        { Tools = [TestTools.Weather, TestTools.Now], Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High } };

        var words = Words(profile, options, format);
        served.Server.Enqueue(words);
        served.Server.Enqueue("Noon.");
        (_, var history) = await ToolLoop.RunAsync(served.Client, [new(ChatRole.User, "Time and weather?")], options, streaming: true, Served.Cancel);

        var calls = string.Join(", ", history.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Select(call => call.Name));
        Assert.True(calls == "get_weather", $"{format}\ncalls: {calls}\n{words}");
        var seen = served.Server.Tokenizer.Decode([.. served.Sent[0].PromptIds]) + words;
        var next = served.Server.Tokenizer.Decode([.. served.Sent[1].PromptIds]);
        Assert.True(next.StartsWith(seen, StringComparison.Ordinal), $"{format}\n{seen}\n=====\n{next}");
    }

    /// <summary>The model's turn as the template prints it behind its own generation prompt.</summary>
    private static string Words(VllmModelProfile profile, ChatOptions options, OutputFormat format)
    {
        var id = format.ToolParser switch { "kimi_k2" => "functions.get_weather:0", "mistral" => "aBc456789", _ => "call_0" };
        List<ChatMessage> history = [new(ChatRole.User, "Time and weather?")];
        var prompt = VllmPromptPreview.Create(profile, history, options).Text;
        var turn = new List<AIContent>
            { new FunctionCallContent(id, "get_weather", new Dictionary<string, object?> { ["city"] = "Paris", ["days"] = 2 }) };
        if (format.ReasoningParser == "openai_gptoss" || (format.ReasoningParser != "none" && format.BeginsInReasoning(prompt) != false))
        {
            turn.Insert(0, new TextReasoningContent("One tool fits."));
        }

        history.Add(new ChatMessage(ChatRole.Assistant, turn));
        history.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(id, "2 sunny days in Paris")]));
        var next = VllmPromptPreview.Create(profile, history, options).Text;
        Assert.True(next.StartsWith(prompt, StringComparison.Ordinal), $"{prompt}\n=====\n{next}");
        var rest = next[prompt.Length..];
        var end = Ends.Select(text => rest.IndexOf(text, StringComparison.Ordinal)).Where(at => at >= 0).Min();
        return rest[..end];
    }
}
