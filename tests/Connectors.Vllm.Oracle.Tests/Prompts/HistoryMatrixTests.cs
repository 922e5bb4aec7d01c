using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Oracle.Tests.ChatTemplates;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Oracle.Tests.Prompts;

/// <summary>
/// Real templates × histories of other providers, with and without tools. Where the reference renders a history whole, the prompt is the reference's;
/// elsewhere the history is reshaped and nothing of it is missing. What differs, and what is refused, is listed by name.
/// </summary>
public sealed class HistoryMatrixTests(JinjaOracle jinja) : IClassFixture<JinjaOracle>
{
    private const string ResultAtOnce = "a result at once, without a call";

    private const string AnyRole =
        "The template knows no tools and counts every second message as the assistant's: a result is what the user says, in every history.";

    private const string OneId =
        "The template looks for the function of a result by the call's id and finds another function of the same id; here each result has its own.";

    /// <summary>Templates that refuse every conversation, in the reference too.</summary>
    private static readonly Dictionary<string, string> Refusals = new()
    {
        ["fireworks-ai-llama-3-firefunction-v2.jinja"] = "wants tools in a variable of its own (functions)",
    };

    /// <summary>Prompts other than the reference's although that renders the history whole, and why.</summary>
    private static readonly Dictionary<(string Template, string History), string> Differences = new()
    {
        [("openai-gpt-oss-120b.jinja", "thoughts, text and a running call")] =
            "The template reads thoughts under a key that vLLM does not set; here they are printed, and so the text cannot stand beside the call.",
        [("google-gemma-4-31B-it.jinja", "two calls of one id")] = OneId,
        [("CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", "two calls of one id")] = OneId,
        [("CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", "an id used again in a later round")] = OneId,
        [("cfg__lenml-gemini.jinja", "system text last")] =
            "The template refuses system text in front; printing it under its role elsewhere is an accident that the next turn would end.",
        [("cfg__lenml-gemini.jinja", ResultAtOnce)] = AnyRole,
        [("chujie__falcon-instruct.jinja", ResultAtOnce)] = AnyRole,
        [("chujie__llama-3-instruct.jinja", ResultAtOnce)] = AnyRole,
        [("chujie__saiga.jinja", ResultAtOnce)] = AnyRole,
        [("chujie__zephyr.jinja", ResultAtOnce)] = AnyRole,
        [("mrs__gemma3n.jinja", ResultAtOnce)] = AnyRole,
        [("gemma3", ResultAtOnce)] = AnyRole,
    };

    /// <summary>The small model, with the token that some templates print in front.</summary>
    private static readonly Lazy<string> Folder = new(() =>
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("matrix-").FullName);
        var config = Path.Combine(folder, "tokenizer_config.json");
        var text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("\"bos_token\": null", "\"bos_token\": \"<|endoftext|>\"", StringComparison.Ordinal));
        return folder;
    });

    /// <summary>Not the tools that the histories called: their names are to be found where they were called.</summary>
    private static readonly AIFunctionDeclaration Tool = AIFunctionFactory.CreateDeclaration(
        "declared", "A tool",
        JsonElement.Parse("""{"type":"object","properties":{"town":{"type":"string","description":"A town"}},"required":["town"]}"""));

    public static TheoryData<string> Templates =>
    [
        .. TemplateFiles.NpmFamilies,
        .. TestPaths.Corpus is null ? [] : TemplateFiles.OfCorpus().Select(template => template.Name),
    ];

    [Theory]
    [MemberData(nameof(Templates))]
    public async Task Preview_HistoryOfAnotherProvider_IsTheReferencesOrHoldsEverything(string template)
    {
        var isFile = Path.HasExtension(template);
        foreach (var (name, source) in isFile ? TemplateFiles.OfCorpus().Where(file => file.Name == template) : TemplateFiles.OfNpm(template))
        {
            var profile = await VllmModelProfile.FromDirectoryAsync(
                Folder.Value, new VllmGrpcOptions { ChatTemplate = source }, TestContext.Current.CancellationToken);
            var problems = ForeignHistories.All
                .SelectMany(history => new[] { false, true }.Select(withTools => ProblemOf(profile, name, source, history.Key, withTools)))
                .OfType<string>().ToList();

            Assert.True(problems.Count == 0, $"{name}:\n{string.Join("\n", problems)}");
        }
    }

    [Theory]
    [InlineData("gpt_oss")]
    [InlineData("deepseek_v32")]
    [InlineData("deepseek_v4")]
    [InlineData("deepseek_v41")]
    [InlineData("kimi_k3")]
    [InlineData("inkling")]
    [InlineData("mistral")]
    public async Task Preview_BuiltInRenderer_HoldsEverything(string modelType)
    {
        var profile = await VllmModelProfile.FromDirectoryAsync(
            modelType == "mistral" ? MistralTokenizers.Folder("v3-tekken") : Native(modelType), null, TestContext.Current.CancellationToken);
        Assert.EndsWith("Renderer", profile.TemplateOrigin, StringComparison.Ordinal);
        var problems = new List<string>();
        foreach (var (history, messages) in ForeignHistories.All)
        {
            foreach (var options in new[] { null, new ChatOptions { Tools = [Tool] } })
            {
                try
                {
                    var prompt = VllmPromptPreview.Create(profile, messages, options).Text;
                    problems.AddRange(ForeignHistories.Words(messages).Where(word => !prompt.Contains(word, StringComparison.Ordinal))
                        .Select(word => $"{history}: without {word}: {prompt}"));
                }
                catch (VllmRequestException exception)
                {
                    problems.Add($"{history}: refused: {exception.Message}");
                }
            }
        }

        Assert.True(problems.Count == 0, string.Join("\n", problems));

        static string Native(string modelType)
        {
            var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("native-").FullName);
            var architecture = modelType == "inkling" ? "InklingForCausalLM" : "Unknown";
            File.WriteAllText(Path.Combine(folder, "config.json"), $$"""{ "model_type": "{{modelType}}", "architectures": ["{{architecture}}"] }""");
            return folder;
        }
    }

    private string? ProblemOf(VllmModelProfile profile, string template, string source, string history, bool withTools)
    {
        var messages = ForeignHistories.All[history];
        var title = withTools ? $"{history}, with tools" : history;
        string prompt;
        try
        {
            prompt = VllmPromptPreview.Create(profile, messages, withTools ? new ChatOptions { Tools = [Tool] } : null).Text;
        }
        catch (VllmRequestException exception)
        {
            return Refusals.ContainsKey(template) ? null : $"{title}: refused: {exception.Message}";
        }

        if (Refusals.ContainsKey(template))
        {
            return $"{title}: is listed as refused, and is not";
        }

        var missing = ForeignHistories.Words(messages).Where(word => !prompt.Contains(word, StringComparison.Ordinal)).ToList();
        if (missing.Count > 0)
        {
            return $"{title}: without {string.Join(", ", missing)}: {prompt}";
        }

        var references = References(source, messages, withTools).Where(text => IsWhole(text, messages)).ToList();
        var isSame = references.Count == 0 || references.Contains(prompt);
        if (isSame == !Differences.ContainsKey((template, history)))
        {
            return null;
        }

        return isSame
            ? $"{title}: is listed as different, and is not"
            : $"{title}:\nreference: {references[0]}\nours:      {prompt}";
    }

    /// <summary>
    /// What the reference makes of the history: contents as vLLM hands them over, and as strings, which are right where lists are printed as data.
    /// </summary>
    private IEnumerable<string> References(string source, ChatMessage[] messages, bool withTools)
    {
        var shapes = ChatTemplate.Parse(source).ContentFormat == ChatContentFormat.OpenAI ? new[] { true, false } : [false];
        var cases = shapes.Select(asLists => ForeignHistories.ForTemplate(messages, asLists)).OfType<JsonArray>().Select(json => new JsonObject
        {
            ["template"] = source,
            ["messages"] = json,
            ["tools"] = withTools ? ToolsJson() : null,
            ["add_generation_prompt"] = true,
            ["special_tokens"] = new JsonObject(ChatTemplateSource.FromDirectory(Folder.Value).SpecialTokens
                .Select(token => KeyValuePair.Create(token.Key, (JsonNode?)(string?)token.Value))),
        }).ToList();
        return cases.Count == 0 ? [] : jinja.Render(cases).Select(answer => answer.Text).OfType<string>();
    }

    /// <summary>Whether the reference has printed all of it, each list as content rather than as data.</summary>
    private static bool IsWhole(string text, ChatMessage[] messages) => !text.Contains("'type': 'text'", StringComparison.Ordinal)
        && ForeignHistories.Words(messages).All(word => text.Contains(word, StringComparison.Ordinal));

    private static JsonArray ToolsJson() => [new JsonObject
    {
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = Tool.Name, ["description"] = Tool.Description, ["parameters"] = JsonNode.Parse(Tool.JsonSchema.GetRawText()),
        },
    }];
}
