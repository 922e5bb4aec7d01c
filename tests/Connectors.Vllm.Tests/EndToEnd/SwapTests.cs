using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>The same application code with three providers behind it.</summary>
public sealed class SwapTests
{
    [Theory]
    [InlineData("engine")]
    [InlineData("inference")]
    [InlineData("other")]
    public async Task Application_WithAnyProvider_RunsTheSame(string provider)
    {
        VllmServerFamily family = provider == "inference" ? VllmServerFamily.B : VllmServerFamily.A;
        await using VllmTestServer server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Family = family }, Served.Cancel);
        server.Reply(request => server.Tokenizer.Decode([.. request.PromptIds]).Contains("<tool_response>", StringComparison.Ordinal)
            ? "It says: 2 sunny days in Paris"
            : TestTools.Hermes("get_weather", "{\"city\": \"Paris\", \"days\": 2}"));
        var services = new ServiceCollection();
        if (provider == "other")
        {
            services.AddSingleton<IChatClient, ScriptedChatClient>();
        }
        else
        {
            services.AddVllmGrpc(options =>
            {
                options.Endpoints.Add(server.Endpoint);
                options.ModelDirectory = Served.TinyModelFolder;
            });
        }

        services.AddSingleton<Application>();
        await using ServiceProvider container = services.BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true, ValidateOnBuild = true });

        string answer = await container.GetRequiredService<Application>().RunAsync(Served.Cancel);

        Assert.Equal("2 sunny days in Paris | 2 sunny days in Paris | 1 call, 4 messages", answer);
    }

    /// <summary>Knows nothing of who answers.</summary>
    private sealed class Application(IChatClient client)
    {
        public async Task<string> RunAsync(CancellationToken cancellationToken)
        {
            Assert.NotNull(client.GetService<ChatClientMetadata>());
            var options = new ChatOptions { Tools = [TestTools.Weather], ToolMode = ChatToolMode.RequireAny, Temperature = 0.2f, TopK = 5 };
            ChatMessage[] question = [new(ChatRole.User, "What is the weather in Paris?")];
            (ChatResponse whole, List<ChatMessage> history) = await ToolLoop.RunAsync(client, question, options, streaming: false, cancellationToken);
            (ChatResponse streamed, _) = await ToolLoop.RunAsync(client, question, options, streaming: true, cancellationToken);
            Assert.Equal(ChatFinishReason.Stop, whole.FinishReason);
            Assert.True(whole.Usage!.TotalTokenCount > 0);
            int calls = history.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Count();
            return $"{whole.Text["It says: ".Length..]} | {streamed.Text["It says: ".Length..]} | {calls} call, {history.Count} messages";
        }
    }
}
