using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Services;
using Microsoft.SemanticKernel.TextGeneration;

namespace Connectors.Vllm.SemanticKernel.Tests.RealKernel;

/// <summary>Execution settings from prompt files, and which service a kernel takes.</summary>
public sealed class SettingsTests
{
    private const string Settings = """
        { "temperature": 0.5, "top_k": "7", "min_p": 0.25, "max_tokens": 9, "stop_sequences": ["x"], "seed": 7, "repetition_penalty": 1.5,
          "min_tokens": 2, "stop_token_ids": [1, 2], "reasoning_effort": "none", "chat_template_kwargs": { "greeting": "hi" } }
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PromptFile_Settings_ReachTheServerWhole()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        host.Server.Reply("okxyz");
        var function = KernelFunctionFactory.CreateFromPrompt(Prompt("default", "null"));

        var result = await host.Kernel.InvokeAsync(function, cancellationToken: Token);

        // Stop strings are cut on the client.
        Assert.Equal("ok", result.GetValue<string>());
        var sent = host.Server.Requests.Last(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal))
            .As<GenerateRequest>().SamplingParams;
        Assert.Equal(
            (0.5f, 7u, 0.25f, 9u, 1.5f, 2u), (sent.Temperature, (uint)sent.TopK, sent.MinP, sent.MaxTokens, sent.RepetitionPenalty, sent.MinTokens));
        Assert.Equal([1u, 2u], sent.StopTokenIds.Select(id => (uint)id));
    }

    [Fact]
    public void FromExecutionSettings_PromptFile_FillsTheProperties()
    {
        var loose = Prompt("default", "null").ExecutionSettings!["default"];

        var own = VllmPromptExecutionSettings.FromExecutionSettings(loose);

        Assert.Equal((0.5f, 7, 0.25f, 9, 1.5f),
            (own.Temperature!.Value, own.TopK!.Value, own.MinP!.Value, own.MaxTokens!.Value, own.RepetitionPenalty!.Value));
        Assert.Equal(7, own.Seed);
        Assert.Equal(["x"], own.StopSequences!);
        Assert.Equal("none", own.ReasoningEffort);
        Assert.Equal("hi", own.ChatTemplateArguments!["greeting"]!.ToString());
        Assert.Equal(["min_tokens", "stop_token_ids"], own.ExtensionData!.Keys);
        var json = JsonSerializer.Serialize(own);
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<VllmPromptExecutionSettings>(json)));
    }

    [Fact]
    public void FromExecutionSettings_AnotherConnectorsSettings_KeepsTheirMeaning()
    {
        var foreign = new ForeignSettings { Temperature = 0.5, MaxTokens = 9, MinTokens = 2, FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

        var own = VllmPromptExecutionSettings.FromExecutionSettings(foreign);

        Assert.Equal((0.5f, 9), (own.Temperature!.Value, own.MaxTokens!.Value));
        Assert.Equal(2, own.ExtensionData!["min_tokens"]);
        Assert.Same(foreign.FunctionChoiceBehavior, own.FunctionChoiceBehavior);
    }

    [Fact]
    public void FromExecutionSettings_SeedOf64Bits_IsExact()
    {
        var loose = JsonSerializer.Deserialize<PromptExecutionSettings>("""{ "seed": 9007199254740993 }""")!;

        Assert.Equal(9007199254740993, VllmPromptExecutionSettings.FromExecutionSettings(loose).Seed);
    }

    [Theory]
    [InlineData("top_k", "\"many\"")]
    [InlineData("max_tokens", "1.5")]
    [InlineData("stop_sequences", "[1]")]
    [InlineData("chat_template_kwargs", "\"x\"")]
    public void FromExecutionSettings_WrongValue_NamesTheSetting(string name, string value)
    {
        var loose = JsonSerializer.Deserialize<PromptExecutionSettings>($$"""{ "{{name}}": {{value}} }""")!;

        var error = Assert.Throws<ArgumentException>(() => VllmPromptExecutionSettings.FromExecutionSettings(loose));

        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServiceId_TwoServers_PicksTheServiceAndItsSettings()
    {
        await using var other = await VllmEmulator.StartAsync(null, Token);
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine, (builder, server) => builder
            .AddVllmGrpc(server.Endpoint, "model-a", "a", KernelHost.Configure)
            .AddVllmGrpc(other.Endpoint, "model-b", "b", KernelHost.Configure));
        host.Server.Reply("from a");
        other.Reply("from b");

        var byA = await host.Kernel.InvokeAsync(KernelFunctionFactory.CreateFromPrompt(Prompt("a", "null")), cancellationToken: Token);
        var byModel =
            await host.Kernel.InvokeAsync(KernelFunctionFactory.CreateFromPrompt(Prompt("default", "\"model-b\"")), cancellationToken: Token);

        Assert.Equal("from a", byA.GetValue<string>());
        Assert.Equal("from b", byModel.GetValue<string>());
        Assert.Equal("model-a", host.Kernel.GetRequiredService<IChatCompletionService>("a").GetModelId());
        Assert.Equal("model-b", host.Kernel.GetRequiredService<ITextGenerationService>("b").GetModelId());
        Assert.Equal(2, host.Kernel.GetAllServices<IChatCompletionService>().Count());
    }

    private static PromptTemplateConfig Prompt(string service, string model) => PromptTemplateConfig.FromJson($$"""
        { "template": "Hi", "execution_settings": { "{{service}}": { "model_id": {{model}}, {{Settings.Trim()[1..]}} } }
        """);

    private sealed class ForeignSettings : PromptExecutionSettings
    {
        [System.Text.Json.Serialization.JsonPropertyName("temperature")]
        public double? Temperature { get; set; }

        [System.Text.Json.Serialization.JsonPropertyName("max_tokens")]
        public int? MaxTokens { get; set; }

        [System.Text.Json.Serialization.JsonPropertyName("min_tokens")]
        public int? MinTokens { get; set; }
    }
}
