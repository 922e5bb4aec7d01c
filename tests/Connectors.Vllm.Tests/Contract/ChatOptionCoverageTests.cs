using System.Reflection;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>
/// Every member of <see cref="ChatOptions"/>, also one that a later version adds, has a place here: it changes the request, the prompt or the answer,
/// or it is ignored and changes nothing.
/// </summary>
public sealed class ChatOptionCoverageTests
{
    private enum Effect
    {
        Request,
        Prompt,
        Answer,
        Ignored,
    }

    private static readonly Dictionary<string, (Effect Effect, Action<ChatOptions> Set)> Members = new()
    {
        [nameof(ChatOptions.ConversationId)] = (Effect.Ignored, static options => options.ConversationId = "conversation-1"),
        [nameof(ChatOptions.Instructions)] = (Effect.Prompt, static options => options.Instructions = "Be brief."),
        [nameof(ChatOptions.Temperature)] = (Effect.Request, static options => options.Temperature = 0.125f),
        [nameof(ChatOptions.MaxOutputTokens)] = (Effect.Request, static options => options.MaxOutputTokens = 17),
        [nameof(ChatOptions.TopP)] = (Effect.Request, static options => options.TopP = 0.25f),
        [nameof(ChatOptions.TopK)] = (Effect.Request, static options => options.TopK = 3),
        [nameof(ChatOptions.FrequencyPenalty)] = (Effect.Request, static options => options.FrequencyPenalty = 0.5f),
        [nameof(ChatOptions.PresencePenalty)] = (Effect.Request, static options => options.PresencePenalty = 0.5f),
        [nameof(ChatOptions.Seed)] = (Effect.Request, static options => options.Seed = 99),
        [nameof(ChatOptions.Reasoning)] = (
            Effect.Prompt, static options => options.Reasoning = new ReasoningOptions { Effort = ReasoningEffort.None }),
        [nameof(ChatOptions.ResponseFormat)] = (Effect.Request, static options => options.ResponseFormat = ChatResponseFormat.Json),
        [nameof(ChatOptions.ModelId)] = (Effect.Request, static options => options.ModelId = "alias"),
        [nameof(ChatOptions.StopSequences)] = (Effect.Answer, static options => options.StopSequences = ["\"a\""]),
        [nameof(ChatOptions.AllowMultipleToolCalls)] = (Effect.Answer, static options => options.AllowMultipleToolCalls = false),
        [nameof(ChatOptions.ToolMode)] = (Effect.Request, static options => options.ToolMode = ChatToolMode.RequireAny),
        [nameof(ChatOptions.Tools)] = (Effect.Prompt, static options => options.Tools = [TestTools.Weather]),
        [nameof(ChatOptions.AllowBackgroundResponses)] = (Effect.Ignored, static options => options.AllowBackgroundResponses = true),
        [nameof(ChatOptions.ContinuationToken)] = (
            Effect.Ignored, static options => options.ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1, 2 })),
        [nameof(ChatOptions.RawRepresentationFactory)] = (
            Effect.Request, static options => options.RawRepresentationFactory = _ => new GenerationRequest { StopTokenIds = [7] }),
        [nameof(ChatOptions.AdditionalProperties)] = (Effect.Request, static options => options.AdditionalProperties = new() { ["min_p"] = 0.5 }),
    };

    public static MatrixTheoryData<string, EmulatedServer> MembersAndProtocols { get; } =
        new(Members.Keys, [EmulatedServer.VllmEngine, EmulatedServer.Inference]);

    [ContractPoint(7)]
    [Fact]
    public void Members_OfChatOptions_AreAllAccountedFor() => Assert.Equal(
        typeof(ChatOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name).Order(),
        Members.Keys.Order());

    [ContractPoint(7)]
    [Theory]
    [MemberData(nameof(MembersAndProtocols))]
    public async Task Member_WhenSet_HasItsEffectAndNoOther(string member, EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, server =>
        {
            server.ServedModelName = "ours";
            server.ServedModelAliases = ["alias"];
        });
        var answer = TestTools.Hermes("now", "{}") + "\n" + TestTools.Hermes("now", "{}");
        served.Server.Reply(member is nameof(ChatOptions.ResponseFormat) or nameof(ChatOptions.StopSequences) ? "{\"a\": 1}" : answer);
        (var effect, var set) = Members[member];
        var plain = Base(member);
        var changed = Base(member);
        set(changed);
        var before = Describe(changed);

        var first = await served.AskAsync("Hi", plain);
        var second = await served.AskAsync("Hi", changed);

        // Of the two protocols only one names the model in its requests.
        effect = member == nameof(ChatOptions.ModelId) && protocol == EmulatedServer.VllmEngine ? Effect.Ignored : effect;
        var promptChanged = !served.Sent[0].PromptIds.SequenceEqual(served.Sent[1].PromptIds);
        var requestChanged = served.Sent[0].ToJson() != served.Sent[1].ToJson();
        var answerChanged = Contents(first) != Contents(second);
        Assert.Equal(effect == Effect.Prompt, promptChanged);
        Assert.True(effect switch
        {
            Effect.Request => requestChanged,
            Effect.Answer => answerChanged,
            Effect.Ignored => !requestChanged && !answerChanged,
            _ => true,
        });
        Assert.Equal(before, Describe(changed));
    }

    public static TheoryData<string, ChatOptions> WithoutEffect => new()
    {
        { nameof(ChatOptions.ConversationId), new ChatOptions { ConversationId = "conversation-1" } },
        { nameof(ChatOptions.AllowBackgroundResponses), new ChatOptions { AllowBackgroundResponses = true } },
        { nameof(ChatOptions.ContinuationToken), new ChatOptions { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) } },
        { nameof(ChatOptions.RawRepresentationFactory), new ChatOptions { RawRepresentationFactory = _ => new object() } },
        { nameof(ChatOptions.ToolMode), new ChatOptions { ToolMode = ChatToolMode.RequireAny } },
    };

    [Theory]
    [MemberData(nameof(WithoutEffect))]
    public async Task Member_WithoutEffect_IsNamedInOneLogLine(string member, ChatOptions options)
    {
        using var log = new ListLoggerFactory();
        await using var served = await Served.StartAsync();
        served.Server.Reply("ok");
        await using var client = new VllmChatClient(Served.OptionsFor(served.Server, EmulatedServer.VllmEngine), log);

        await client.GetResponseAsync("Hi", options, Served.Cancel);

        var line = Assert.Single(log.Entries, entry => entry.Id.Name == "OptionIgnored");
        Assert.Equal(Microsoft.Extensions.Logging.LogLevel.Information, line.Level);
        Assert.Contains($"The option {member} was ignored", line.Text, StringComparison.Ordinal);
    }

    [ContractPoint(11)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Options_WithEveryMemberSet_AreTheSameAfterACall(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply("{\"a\": 1}");
        var options = new ChatOptions();
        foreach ((_, var set) in Members.Values)
        {
            set(options);
        }

        options.ToolMode = null;
        var before = Describe(options);
        var tools = options.Tools!;
        AITool[] elements = [.. tools];
        var factory = options.RawRepresentationFactory;

        await served.AskAsync("Hi", options);
        await served.StreamAsync("Hi", options);

        Assert.Equal(before, Describe(options));
        Assert.Same(tools, options.Tools);
        Assert.Equal(elements, options.Tools!);
        Assert.Same(factory, options.RawRepresentationFactory);
    }

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    /// <summary>Options in which the member can have an effect: tool modes need tools.</summary>
    private static ChatOptions Base(string member) => new()
    {
        Tools = member is nameof(ChatOptions.ToolMode) or nameof(ChatOptions.AllowMultipleToolCalls) ? [TestTools.Now] : null,
    };

    private static string Describe(ChatOptions options) =>
        string.Join('\n', typeof(ChatOptions).GetProperties().Select(property => $"{property.Name}={property.GetValue(options) switch
        {
            null => "null",
            System.Collections.IEnumerable and not string when property.GetValue(options) is System.Collections.IEnumerable items => string.Join(',', items.Cast<object>()),
            ReasoningOptions reasoning => $"{reasoning.Effort} {reasoning.Output}",
            var value => value,
        }}"));

    private static string Contents(ChatResponse response) =>
        string.Join('|', response.Messages.SelectMany(message => message.Contents)
            .Select(content => content is FunctionCallContent call ? call.Name : content.ToString()));
}
