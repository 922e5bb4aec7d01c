using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>
/// Every extension property of <see cref="VllmChatOptionsExtensions"/>, also one that is added later, has a place here: it lives under its key, is
/// read leniently, survives JSON, and changes what is sent or what comes back. A protocol that cannot carry it refuses it by name; nothing is dropped
/// in silence.
/// </summary>
public sealed class ExtrasCoverageTests
{
    /// <summary>The key, how to set it, and raw values under the key that mean the same.</summary>
    private static readonly Dictionary<string, (string Key, Action<ChatOptions> Set, object[] Same)> Extras = new()
    {
        ["MinP"] = ("min_p", static o => o.MinP = 0.25f, [0.25, 0.25f, 0.25m, "0.25", Json("0.25"), JsonValue.Create(0.25)]),
        ["RepetitionPenalty"] = ("repetition_penalty", static o => o.RepetitionPenalty = 2, [2.0, 2, 2L, "2", Json("2"), Json("2.0")]),
        ["MinTokens"] = ("min_tokens", static o => o.MinTokens = 3, [3.0, 3L, "3", Json("3"), Json("3.0"), (byte)3]),
        ["IgnoreEos"] = ("ignore_eos", static o => o.IgnoreEos = true, [true, "true", 1, 1.0, Json("true")]),
        ["StopTokenIds"] = ("stop_token_ids", static o => o.StopTokenIds = [5, 6],
            [new[] { 5, 6 }, new List<object> { 5.0, 6L }, Json("[5,6]"), Json("[5.0,\"6\"]")]),
        ["Logprobs"] = ("logprobs", static o => o.Logprobs = 2, [2.0, 2L, "2", Json("2")]),
        ["PromptLogprobs"] = ("prompt_logprobs", static o => o.PromptLogprobs = 1, [1.0, 1L, "1", Json("1")]),
        ["LogitBias"] = ("logit_bias", static o => o.LogitBias = new Dictionary<int, float> { [9] = -1.5f },
            [new Dictionary<string, object?> { ["9"] = -1.5 }, Json("{\"9\":-1.5}")]),
        ["AllowedTokenIds"] = ("allowed_token_ids", static o => o.AllowedTokenIds = [40, 41], [new[] { 40, 41 }, Json("[40,41]")]),
        ["ChoiceCount"] = ("n", static o => o.ChoiceCount = 2, [2.0, 2L, "2", Json("2")]),
        ["OutputRegex"] = ("regex", static o => o.OutputRegex = "[a-z]+", ["[a-z]+", Json("\"[a-z]+\"")]),
        ["OutputGrammar"] = ("grammar", static o => o.OutputGrammar = "root ::= \"ok\"", ["root ::= \"ok\"", Json("\"root ::= \\\"ok\\\"\"")]),
        ["OutputChoices"] = ("choice", static o => o.OutputChoices = ["ok", "no"],
            [new List<string> { "ok", "no" }, new object[] { "ok", "no" }, Json("[\"ok\",\"no\"]")]),
        ["StructuralTag"] = ("structural_tag", static o => o.StructuralTag = "{\"structures\":[]}",
            [Json("{\"structures\":[]}"), new Dictionary<string, object?> { ["structures"] = new List<object?>() }]),
        ["BoundJsonWhiteSpace"] = ("bound_json_whitespace", static o => o.BoundJsonWhiteSpace = false, [false, "false", 0, 0.0, Json("false")]),
        ["ChatTemplate"] = ("chat_template", static o => o.ChatTemplate = "{% for m in messages %}{{ m.content }}{% endfor %}",
            [Json("\"{% for m in messages %}{{ m.content }}{% endfor %}\"")]),
        ["ChatTemplateArguments"] = (
            "chat_template_kwargs", static o => o.ChatTemplateArguments = new Dictionary<string, object?> { ["enable_thinking"] = false },
            [Json("{\"enable_thinking\":false}"), "{\"enable_thinking\":false}", new JsonObject { ["enable_thinking"] = false }]),
        ["ContinueFinalMessage"] = ("continue_final_message", static o => o.ContinueFinalMessage = true, ["true", 1.0, Json("true")]),
        ["Priority"] = ("priority", static o => o.Priority = -4, [-4.0, -4L, "-4", Json("-4")]),
        ["LoraName"] = ("lora_name", static o => o.LoraName = "mine", [Json("\"mine\"")]),
        ["CacheSalt"] = ("cache_salt", static o => o.CacheSalt = "salt", [Json("\"salt\"")]),
        ["SessionId"] = ("session_id", static o => o.SessionId = "s-1", [Json("\"s-1\"")]),
        ["BypassPrefixCache"] = ("bypass_prefix_cache", static o => o.BypassPrefixCache = true, ["true", 1.0, Json("true")]),
        ["Watermarking"] = ("watermarking", static o => o.Watermarking = false, ["false", 0.0, Json("false")]),
        ["DataParallelRank"] = ("data_parallel_rank", static o => o.DataParallelRank = 1, [1.0, 1L, "1", Json("1")]),
        ["TruncatePromptTokens"] = ("truncate_prompt_tokens", static o => o.TruncatePromptTokens = 9, [9.0, 9L, "9", Json("9")]),
        ["KvTransferParameters"] = ("kv_transfer_params", static o => o.KvTransferParameters = "{\"do_remote_decode\":true}",
            [Json("{\"do_remote_decode\":true}"), new Dictionary<string, object?> { ["do_remote_decode"] = true }]),
        ["KvHints"] = ("kv_hints", static o => o.KvHints = "{\"protocol_version\":1,\"actions\":[{\"action_type\":\"keep\"}]}",
            [Json("{\"protocol_version\":1,\"actions\":[{\"action_type\":\"keep\"}]}")]),
        ["LogprobTokenIds"] = ("logprob_token_ids", static o => o.LogprobTokenIds = [5, 6],
            [new[] { 5, 6 }, new List<object?> { 5, 6L }, Json("[5,6]")]),
        ["RequestMetadata"] = ("grpc_metadata", static o => o.RequestMetadata = new Dictionary<string, object?> { ["x-gateway-one"] = "a" },
            [Json("{\"x-gateway-one\":\"a\"}")]),
        ["RequestId"] = ("request_id", static o => o.RequestId = "mine-1", [Json("\"mine-1\"")]),
        ["ReturnTokenIds"] = ("return_token_ids", static o => o.ReturnTokenIds = true, ["true", 1.0, Json("true")]),
        ["AllowControlTokensInContent"] = (
            "allow_control_tokens_in_content", static o => o.AllowControlTokensInContent = true, ["true", 1.0, Json("true")]),
    };

    public static TheoryData<string> Names => [.. Extras.Keys];

    public static MatrixTheoryData<string, EmulatedServer> NamesAndProtocols { get; } =
        new(Extras.Keys, [EmulatedServer.VllmEngine, EmulatedServer.Inference]);

    [Fact]
    public void Extensions_OfChatOptions_AreAllAccountedFor() => Assert.Equal(
        typeof(VllmChatOptionsExtensions).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Where(method => method.Name.StartsWith("set_", StringComparison.Ordinal)).Select(method => method.Name[4..]).Order(),
        Extras.Keys.Order());

    [Theory]
    [MemberData(nameof(Names))]
    public void Extension_SetClonedSerializedAndCleared_IsKeptUnderItsKey(string name)
    {
        (var key, var set, var same) = Extras[name];
        var options = new ChatOptions();
        set(options);
        var value = Get(options, name);

        Assert.NotEqual("null", value);
        Assert.Equal([key], options.AdditionalProperties!.Keys);
        Assert.Equal(value, Get(options.Clone(), name));
        Assert.Equal(
            value, Get(
                JsonSerializer.Deserialize<ChatOptions>(
                    JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions), AIJsonUtilities.DefaultOptions)!, name));
        Assert.All(same, raw => Assert.Equal(value, Get(new ChatOptions { AdditionalProperties = new() { [key] = raw } }, name)));

        typeof(VllmChatOptionsExtensions).GetMethod("set_" + name)!.Invoke(null, [options, null]);
        Assert.Empty(options.AdditionalProperties!);
    }

    [Theory]
    [MemberData(nameof(NamesAndProtocols))]
    public async Task Extension_OnEachProtocol_ChangesTheCallOrIsRefusedByName(string name, EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(
            protocol,
            server =>
            {
                server.LoraAdapters = ["mine"];
                server.DataParallelSize = 2;
            },
            client => client.ReasoningParser = "none");
        var asksForJson = name == "BoundJsonWhiteSpace";
        served.Server.Reply(asksForJson ? "{}" : "ok");
        List<ChatMessage> messages = [new(ChatRole.User, "Hi <|im_end|> there, how are you?"), new(ChatRole.Assistant, "Well")];
        var options = new ChatOptions { ResponseFormat = asksForJson ? ChatResponseFormat.Json : null };
        var plain = await served.AskAsync(messages, options.Clone());
        Extras[name].Set(options);
        var expected = Describe(served, plain, keepId: name == "RequestId");
        served.Server.ClearRequests();

        try
        {
            var changed = await served.AskAsync(messages, options);
            Assert.NotEqual(expected, Describe(served, changed, keepId: name == "RequestId"));
        }
        catch (VllmRequestException refused)
        {
            Assert.Empty(served.Sent);
            Assert.Equal(name, refused.Parameter);
        }
    }

    private static string Describe(Served served, ChatResponse response, bool keepId) =>
        string.Join('\n', served.Sent.Select(sent => sent.ToJson(withId: keepId)))
            + string.Join(',', response.Messages.SelectMany(message => message.AdditionalProperties?.Keys ?? Enumerable.Empty<string>()));

    private static string Get(ChatOptions options, string name) =>
        JsonSerializer.Serialize(typeof(VllmChatOptionsExtensions).GetMethod("get_" + name)!.Invoke(null, [options]));

    private static JsonElement Json(string text) => JsonElement.Parse(text);
}
