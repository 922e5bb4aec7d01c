using System.Text.Json;
using System.Text.Json.Serialization;
using Connectors.Vllm.SemanticKernel.Tests.RealKernel;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;

namespace Connectors.Vllm.SemanticKernel.Tests.Contract;

/// <summary>Execution settings, under every name and of every connector.</summary>
public sealed class SettingsContractTests
{
    private const string Schema = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    [KernelPoint(10)]
    [Theory]
    [InlineData("max_tokens", "7", "max_tokens")]
    [InlineData("max_completion_tokens", "7", "max_tokens")]
    [InlineData("max_new_tokens", "\"7\"", "max_tokens")]
    [InlineData("num_predict", "7", "max_tokens")]
    [InlineData("n", "3", "n")]
    [InlineData("results_per_prompt", "3", "n")]
    [InlineData("repeat_penalty", "1.5", "repetition_penalty")]
    public void Name_OfAnotherProvider_IsTheSameSetting(string name, string value, string known)
    {
        var given =
            VllmPromptExecutionSettings.FromExecutionSettings(JsonSerializer.Deserialize<PromptExecutionSettings>($$"""{ "{{name}}": {{value}} }"""));
        var expected = VllmPromptExecutionSettings.FromExecutionSettings(
            JsonSerializer.Deserialize<PromptExecutionSettings>($$"""{ "{{known}}": {{value}} }"""));

        Assert.Equal((expected.MaxTokens, expected.ResultsPerPrompt, expected.RepetitionPenalty),
            (given.MaxTokens, given.ResultsPerPrompt, given.RepetitionPenalty));
        Assert.NotEqual((null, null, null), (given.MaxTokens, given.ResultsPerPrompt, given.RepetitionPenalty));
        Assert.Null(given.ExtensionData);
    }

    [KernelPoint(10)]
    [Theory]
    [InlineData("""{ "logprobs": true }""", 0)]
    [InlineData("""{ "logprobs": true, "top_logprobs": 3 }""", 3)]
    [InlineData("""{ "top_logprobs": 3, "logprobs": true }""", 3)]
    [InlineData("""{ "logprobs": false, "top_logprobs": 3 }""", null)]
    [InlineData("""{ "logprobs": 4 }""", 4)]
    public void Logprobs_AsOpenAIAndAsVllmAskForThem_AreTheSame(string json, int? expected) =>
        Assert.Equal(expected, VllmPromptExecutionSettings.FromExecutionSettings(JsonSerializer.Deserialize<PromptExecutionSettings>(json)).Logprobs);

    [KernelPoint(10)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Settings_OfAPromptFile_ReachTheServer(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("one STOP two");
        var settings = JsonSerializer.Deserialize<PromptExecutionSettings>(
            """{ "max_completion_tokens": 9, "stop": ["STOP"], "token_selection_biases": { "5": 50 }, "logprobs": true, "top_logprobs": 2 }""")!;

        var answer = await AskAsync(host, settings);

        Assert.Equal("one ", answer.Content);
        Assert.NotNull(answer.Metadata!["logprobs"]);
        var sent = host.Requests[^1].Message.ToString()!;
        Assert.Contains("\"5\": 50", sent, StringComparison.Ordinal);
        Assert.Contains(protocol == EmulatedServer.VllmEngine ? "\"maxTokens\": 9" : "\"maxNewTokens\": 9", sent, StringComparison.Ordinal);
    }

    public static TheoryData<string> Formats => ["schema", "schema text", "openai", "openai text", "type", "meai"];

    [KernelPoint(11)]
    [Theory]
    [MemberData(nameof(Formats))]
    public async Task ResponseFormat_OfASchema_ConstrainsTheAnswer(string kind)
    {
        foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
        {
            await using var host = await KernelHost.StartAsync(protocol);
            host.Server.Reply("""{"city": "Paris"}""");
            const string OpenAI = $$"""{"type": "json_schema", "json_schema": {"name": "place", "schema": {{Schema}}, "strict": true} }""";
            var settings = new VllmPromptExecutionSettings
            {
                ResponseFormat = kind switch
                {
                    "schema" => JsonElement.Parse(Schema),
                    "schema text" => Schema,
                    "openai" => JsonElement.Parse(OpenAI),
                    "openai text" => OpenAI,
                    "type" => typeof(Place),
                    _ => ChatResponseFormat.ForJsonSchema(JsonElement.Parse(Schema)),
                },
            };

            await AskAsync(host, settings);

            var sent = host.Requests[^1].Message.ToString()!;
            Assert.Contains("city", sent, StringComparison.Ordinal);
            Assert.DoesNotContain("place", sent, StringComparison.Ordinal);
        }
    }

    [KernelPoint(11)]
    [Theory]
    [InlineData("\"text\"", false)]
    [InlineData("{\"type\": \"text\"}", false)]
    [InlineData("\"json_object\"", true)]
    [InlineData("{\"type\": \"json_object\"}", true)]
    public async Task ResponseFormat_ByName_IsTextOrJson(string format, bool json)
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        host.Server.Reply("{}");

        await AskAsync(host, JsonSerializer.Deserialize<PromptExecutionSettings>($$"""{ "response_format": {{format}} }""")!);

        Assert.Equal(json, host.Requests[^1].Message.ToString()!.Contains("json", StringComparison.OrdinalIgnoreCase));
    }

    [KernelPoint(11)]
    [Fact]
    public async Task ResponseFormat_OfNoKind_IsRefusedByName()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);

        var exception = await Assert.ThrowsAsync<ArgumentException>(
            () => AskAsync(host, JsonSerializer.Deserialize<PromptExecutionSettings>("""{ "response_format": "xml" }""")!));

        Assert.Contains("response_format", exception.Message, StringComparison.Ordinal);
    }

    [KernelPoint(12)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task OpenAISettings_AsTheyAre_MeanTheSame(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Reply("""{"city": "Paris"} END""");
        var settings = new OpenAIPromptExecutionSettings
        {
            Temperature = 0.5,
            TopP = 0.25,
            MaxTokens = 9,
            Seed = 7,
            PresencePenalty = 0.5,
            FrequencyPenalty = 1.5,
            StopSequences = ["END"],
            ChatSystemPrompt = "Be brief.",
            ReasoningEffort = "low",
            ResponseFormat = typeof(Place),
            Logprobs = true,
            TopLogprobs = 2,
            TokenSelectionBiases = new Dictionary<int, int> { [5] = 50 },
            FunctionChoiceBehavior = FunctionChoiceBehavior.None(),
#pragma warning disable SKEXP0010
            ExtraBody = new Dictionary<string, object?> { ["min_p"] = 0.125, ["$.top_k"] = 7 },
#pragma warning restore SKEXP0010
        };

        var answer = await AskAsync(host, settings);

        var own = VllmPromptExecutionSettings.FromExecutionSettings(settings);
        Assert.Equal((0.5f, 0.25f, 9, 7L), (own.Temperature, own.TopP, own.MaxTokens, own.Seed));
        Assert.Equal((0.5f, 1.5f, 0.125f, 7, 2), (own.PresencePenalty, own.FrequencyPenalty, own.MinP, own.TopK, own.Logprobs));
        Assert.Equal("low", own.ReasoningEffort);
        Assert.Same(settings.FunctionChoiceBehavior, own.FunctionChoiceBehavior);
        Assert.Null(own.ExtensionData);
        Assert.Contains("system\nBe brief.<|im_end|>", host.Prompts[^1], StringComparison.Ordinal);
        Assert.Contains("city", host.Requests[^1].Message.ToString()!, StringComparison.Ordinal);
        Assert.NotNull(answer.Metadata!["logprobs"]);
    }

    [KernelPoint(12)]
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, "kernel", true)]
    [InlineData(EmulatedServer.Inference, "kernel", true)]
    [InlineData(EmulatedServer.VllmEngine, "kernel", false)]
    [InlineData(EmulatedServer.Inference, "enabled", true)]
    [InlineData(EmulatedServer.VllmEngine, "enabled", true)]
    [InlineData(EmulatedServer.VllmEngine, "required", true)]
    [InlineData(EmulatedServer.Inference, "required", true)]
    public async Task OpenAISettings_ToolCallBehavior_IsTheBehaviorThatFollowedIt(EmulatedServer protocol, string kind, bool autoInvoke)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = new WeatherPlugin();
        var time = host.Kernel.ImportPluginFromObject(plugin, "Weather")["get_time"].Metadata.ToOpenAIFunction();
        host.Server.Enqueue(WeatherPlugin.Call("get_time", "{}"), "Noon.");
        var settings = new OpenAIPromptExecutionSettings
        {
            ToolCallBehavior = kind switch
            {
                "kernel" => autoInvoke ? ToolCallBehavior.AutoInvokeKernelFunctions : ToolCallBehavior.EnableKernelFunctions,
                "enabled" => ToolCallBehavior.EnableFunctions([time], autoInvoke),
                _ => ToolCallBehavior.RequireFunction(time, autoInvoke),
            },
        };

        var answer = await AskAsync(host, settings);

        Assert.Equal(autoInvoke ? ["time"] : [], plugin.Asked);
        Assert.Equal(autoInvoke ? "Noon." : null, answer.Content);
        Assert.Equal(kind == "kernel", host.Prompts[0].Contains("Weather_get_weather", StringComparison.Ordinal));
        Assert.Contains("Weather_get_time", host.Prompts[0], StringComparison.Ordinal);
    }

    [KernelPoint(12)]
    [Fact]
    public async Task OpenAISettings_ToolCallBehaviorOfAFunctionTheKernelHasNot_IsRefusedByName()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        var ghost = KernelPluginFactory.CreateFromObject(new WeatherPlugin(), "Ghost")["get_time"].Metadata.ToOpenAIFunction();

        var exception = await Assert.ThrowsAsync<ArgumentException>(() =>
            AskAsync(host, new OpenAIPromptExecutionSettings { ToolCallBehavior = ToolCallBehavior.EnableFunctions([ghost]) }));

        Assert.Contains("'Ghost-get_time'", exception.Message, StringComparison.Ordinal);
    }

    [KernelPoint(11, 12)]
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, "schema")]
    [InlineData(EmulatedServer.Inference, "schema")]
    [InlineData(EmulatedServer.VllmEngine, "json")]
    [InlineData(EmulatedServer.Inference, "text")]
    public async Task OpenAISettings_ResponseFormatOfTheOpenAILibrary_MeansTheSame(EmulatedServer protocol, string kind)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("""{"city": "Paris"}""");
        var settings = new OpenAIPromptExecutionSettings
        {
            ResponseFormat = kind switch
            {
                "schema" => OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("place", BinaryData.FromString(Schema)),
                "json" => OpenAI.Chat.ChatResponseFormat.CreateJsonObjectFormat(),
                _ => OpenAI.Chat.ChatResponseFormat.CreateTextFormat(),
            },
        };

        await AskAsync(host, settings);

        var format = Assert.IsAssignableFrom<ChatResponseFormat>(VllmPromptExecutionSettings.FromExecutionSettings(settings).ResponseFormat);
        Assert.Equal(kind is "schema" or "json", format is ChatResponseFormatJson);
        Assert.Equal(kind == "schema", (format as ChatResponseFormatJson)?.Schema is not null);
        Assert.Equal(kind == "schema", host.Requests[^1].Message.ToString()!.Contains("city", StringComparison.Ordinal));
    }

    [KernelPoint(13)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task OllamaSettings_AsTheyAre_MeanTheSame(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("one STOP two");
        var settings = new OllamaStyleSettings { Temperature = 0.5f, TopP = 0.25f, TopK = 7, NumPredict = 9, Stop = ["STOP"] };

        var answer = await AskAsync(host, settings);

        var own = VllmPromptExecutionSettings.FromExecutionSettings(settings);
        Assert.Equal((0.5f, 0.25f, 7, 9), (own.Temperature, own.TopP, own.TopK, own.MaxTokens));
        Assert.Equal("one ", answer.Content);
    }

    [KernelPoint(14)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ChatOptions_NamesOfOtherProviders_CountWhereTheMemberIsUnset(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("one STOP two");
        var client = host.Kernel.GetRequiredService<IChatClient>();
        ChatOptions Options(params (string Name, object Value)[] properties) => new()
        {
            TopP = 0.5f,
            AdditionalProperties = new AdditionalPropertiesDictionary(properties.ToDictionary(pair => pair.Name, pair => (object?)pair.Value)),
        };

        var loose = await client.GetResponseAsync(
            "Hi", Options(("temperature", 0.25), ("top_p", 0.75), ("top_k", 7.0), ("seed", 3), ("presence_penalty", 0.5), ("frequency_penalty", 1.5),
                ("max_tokens", 9), ("stop", "STOP")), Token);
        var typed = Options();
        (typed.Temperature, typed.TopK, typed.Seed, typed.PresencePenalty, typed.FrequencyPenalty, typed.MaxOutputTokens, typed.StopSequences) =
            (0.25f, 7, 3, 0.5f, 1.5f, 9, ["STOP"]);
        await client.GetResponseAsync("Hi", typed, Token);

        Assert.Equal("one ", loose.Text);
        Assert.Equal(WithoutId(host.Requests[1]), WithoutId(host.Requests[0]));
    }

    [KernelPoint(22)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Seed_Of64Bits_IsSentWholeOrRefusedByName(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("ok");
        var settings = new VllmPromptExecutionSettings { Seed = 9007199254740993 };

        if (protocol == EmulatedServer.Inference)
        {
            await AskAsync(host, settings);
            Assert.Contains("9007199254740993", host.Requests[^1].Message.ToString()!, StringComparison.Ordinal);
        }
        else
        {
            var exception = await Assert.ThrowsAnyAsync<VllmException>(() => AskAsync(host, settings));
            Assert.Contains("seed", exception.Message, StringComparison.OrdinalIgnoreCase);
        }
    }

    private static string WithoutId(CapturedRequest request) =>
        request.Message.ToString()!.Replace(request.RequestId, string.Empty, StringComparison.Ordinal);

    private static async Task<ChatMessageContent> AskAsync(KernelHost host, PromptExecutionSettings settings)
    {
        var history = new ChatHistory();
        history.AddUserMessage("Where?");
        return await host.Kernel.GetRequiredService<IChatCompletionService>().GetChatMessageContentAsync(history, settings, host.Kernel, Token);
    }

    public sealed record Place(string City);

    /// <summary>The settings of Semantic Kernel's Ollama connector, member by member.</summary>
    private sealed class OllamaStyleSettings : PromptExecutionSettings
    {
        [JsonPropertyName("stop")]
        public List<string>? Stop { get; set; }

        [JsonPropertyName("top_k")]
        public int? TopK { get; set; }

        [JsonPropertyName("top_p")]
        public float? TopP { get; set; }

        [JsonPropertyName("temperature")]
        public float? Temperature { get; set; }

        [JsonPropertyName("num_predict")]
        public int? NumPredict { get; set; }
    }
}
