using System.ClientModel;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using OpenAI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// The same application with three providers behind it: both of our protocols, and the OpenAI client of Microsoft.Extensions.AI. Only the
/// registration differs, and it is one line.
/// </summary>
public sealed class SwapTests
{
    public const string Arguments = "{\"city\": \"Paris\", \"days\": 2}";
    public const string CityJson = "{\"name\":\"Paris\",\"size\":2}";

    private const string OverVllmEngine = "VllmEngine protocol";
    private const string OverInference = "Inference protocol";
    private const string OpenAIClient = "OpenAI client";

    public static MatrixTheoryData<string, bool> Providers { get; } = new([OverVllmEngine, OverInference, OpenAIClient], [true, false]);

    [ContractPoint(51)]
    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Application_WithAnyProvider_RunsTheSame(string provider, bool keyed)
    {
        await using var rival = await OpenAIServer.StartAsync(Served.Cancel);
        await using var server = await StartAsync(provider);
        var services = new ServiceCollection();
        if (provider == OpenAIClient)
        {
            IChatClient Connect(IServiceProvider _) =>
                new OpenAI.Chat.ChatClient(
                    "rival", new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = rival.Endpoint }).AsIChatClient();
            _ = keyed ? services.AddKeyedSingleton("chat", (container, _) => Connect(container)) : services.AddSingleton(Connect);
        }
        else
        {
            void Configure(VllmGrpcOptions options)
            {
                options.Endpoints.Add(server.Endpoint);
                options.ModelDirectory = Served.TinyModelFolder;
            }

            _ = keyed ? services.AddKeyedVllmGrpc("chat", Configure) : services.AddVllmGrpc(Configure);
        }

        await using var container = services.BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true, ValidateOnBuild = true });

        await Application.RunAsync(keyed ? container.GetRequiredKeyedService<IChatClient>("chat") : container.GetRequiredService<IChatClient>());
    }

    private static async Task<VllmEmulator> StartAsync(string provider)
    {
        var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = provider == OverInference ? EmulatedServer.Inference : EmulatedServer.VllmEngine }, Served.Cancel);
        server.Reply(request =>
        {
            var prompt = server.Tokenizer.Decode([.. request.PromptIds]);
            return prompt.Contains("<tool_response>", StringComparison.Ordinal) ? "It says: 2 sunny days in Paris"
                : new SentGeneration(request).Constraint.Length > 0 && !prompt.Contains("get_weather", StringComparison.Ordinal) ? CityJson
                : prompt.Contains("get_weather", StringComparison.Ordinal) ? TestTools.Hermes("get_weather", Arguments)
                : "Hello.";
        });
        return server;
    }

    /// <summary>Knows nothing of who answers.</summary>
    private static class Application
    {
        public static async Task RunAsync(IChatClient provider)
        {
            Assert.NotNull(provider.GetService<ChatClientMetadata>());
            using var client = provider.AsBuilder().UseFunctionInvocation().Build();
            await PlainAsync(client);
            await ToolsAsync(client, streaming: false);
            await ToolsAsync(client, streaming: true);
            Assert.Equal(new City("Paris", 2), (await client.GetResponseAsync<City>("Describe Paris.", cancellationToken: Served.Cancel)).Result);
            await ErrorsAsync(provider);
        }

        private static async Task PlainAsync(IChatClient client)
        {
            var options = new ChatOptions { Temperature = 0.2f, TopP = 0.9f, MaxOutputTokens = 50, Seed = 1, StopSequences = ["\u0004"] };
            var whole = await client.GetResponseAsync("Hi", options, Served.Cancel);
            List<ChatResponseUpdate> updates = [];
            await foreach (var update in client.GetStreamingResponseAsync("Hi", options, Served.Cancel))
            {
                updates.Add(update);
            }

            Assert.Equal("Hello.", whole.Text);
            Assert.Equal("Hello.", string.Concat(updates));
            Assert.All([whole, updates.ToChatResponse()], response =>
            {
                Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
                Assert.Equal(ChatRole.Assistant, Assert.Single(response.Messages).Role);
                Assert.True(response.Usage!.TotalTokenCount > 0);
                Assert.False(string.IsNullOrEmpty(response.ResponseId));
                Assert.False(string.IsNullOrEmpty(response.ModelId));
                Assert.NotNull(response.CreatedAt);
                Assert.Null(response.ConversationId);
            });
            Assert.All(updates, update => Assert.False(string.IsNullOrEmpty(update.ResponseId)));
        }

        private static async Task ToolsAsync(IChatClient client, bool streaming)
        {
            var options = new ChatOptions { Tools = [TestTools.Weather], ToolMode = ChatToolMode.RequireAny };
            const string Question = "What is the weather in Paris?";

            var response = streaming
                ? await client.GetStreamingResponseAsync(Question, options, Served.Cancel).ToChatResponseAsync(Served.Cancel)
                : await client.GetResponseAsync(Question, options, Served.Cancel);

            Assert.Equal("It says: 2 sunny days in Paris", response.Messages[^1].Text);
            Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(message => message.Role));
            var call = Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
            Assert.Equal(("Paris", "2"), (call.Arguments!["city"]!.ToString(), call.Arguments["days"]!.ToString()));
            Assert.Equal(call.CallId, Assert.Single(response.Messages[1].Contents.OfType<FunctionResultContent>()).CallId);
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        }

        private static async Task ErrorsAsync(IChatClient client)
        {
            await Assert.ThrowsAsync<ArgumentNullException>(() => client.GetResponseAsync((IEnumerable<ChatMessage>)null!));
            Assert.Throws<ArgumentNullException>(() => { _ = client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!); });
            using var cancelled = new CancellationTokenSource();
            await cancelled.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetResponseAsync("Hi", cancellationToken: cancelled.Token));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var update in client.GetStreamingResponseAsync("Hi", cancellationToken: cancelled.Token))
                {
                    Assert.NotNull(update);
                }
            });
            Assert.Null(client.GetService(typeof(SwapTests)));
        }
    }

    private sealed record City(string Name, int Size);
}
