using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Oracle.Tests.ChatTemplates;
using Connectors.Vllm.Oracle.Tests.Tokenizers;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Oracle.Tests.Prompts;

/// <summary>
/// The whole way: the prompt ids that a server received from the chat client equal the reference's, that is jinja2's rendering of the model's own
/// template, encoded by the reference tokenizer.
/// </summary>
public sealed class PromptParityTests(JinjaOracle jinja, TokenizerOracle tokenizers) : IClassFixture<JinjaOracle>, IClassFixture<TokenizerOracle>
{
    [Theory]
    [InlineData("qwen3", true)]
    [InlineData("llama3_1", false)]
    [InlineData("deepseek_v3", false)]
    [InlineData("gemma3", false)]
    public async Task GetResponse_RealModelFolder_PromptIdsEqualReference(string family, bool withTools)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var folder = TestPaths.NpmTokenizer(family);
        var source = ChatTemplateSource.FromDirectory(folder);
        await using var server =
            await VllmEmulator.StartAsync(new VllmEmulatorOptions { ModelDirectory = folder, ContextLength = 32768 }, cancellation);
        VllmGrpcOptions options = new() { ModelDirectory = folder };
        options.Endpoints.Add(server.Endpoint);
        using VllmChatClient client = new(options);
        tokenizers.Load(Path.Combine(folder, "tokenizer.json"));

        foreach (var @case in PromptCases.All(withTools))
        {
            server.Enqueue("ok");
            await client.GetResponseAsync(@case.Messages, new ChatOptions { Tools = @case.Tools }, cancellation);
            var sent = server.Requests.Last(request => request.PromptIds.Count > 0).PromptIds;

            var expected = jinja.Render([Request(source, @case)])[0];
            Assert.True(expected.Text is not null, $"{family}, {@case.Name}: {expected.Error}");
            Assert.Equal(tokenizers.Encode([expected.Text])[0], sent);
        }
    }

    private static JsonObject Request(ChatTemplateSource source, PromptCase @case)
    {
        JsonObject tokens = [];
        foreach (var (name, value) in source.SpecialTokens)
        {
            tokens[name] = (string?)value;
        }

        return new JsonObject
        {
            ["template"] = source.Select(hasTools: @case.ToolsJson is not null).Source,
            ["messages"] = JsonNode.Parse(@case.MessagesJson),
            ["tools"] = @case.ToolsJson is null ? null : JsonNode.Parse(@case.ToolsJson),
            ["add_generation_prompt"] = true,
            ["special_tokens"] = tokens,
        };
    }
}
