using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Tokenizers;
using Google.Protobuf;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>
/// Exchanges with a live vLLM, replayed through the whole chat client: the same options give the recorded request, and the recorded ids the expected
/// answer.
/// </summary>
public sealed class RecordedChatTests(SmolHost smol) : IClassFixture<SmolHost>
{
    public static TheoryData<string> Labels => [.. new[]
    {
        "chat", "turns", "unicode", "sampled", "n3", "logprobs0", "logprobs3", "stop-string", "stop-mid-token", "stop-id", "length", "ignore-eos",
        "min-tokens",
        "choice", "regex", "secondary-eos", "json-schema",
    }.SelectMany(label => new[] { label + "-stream", label + "-whole" })];

    [Theory]
    [MemberData(nameof(Labels))]
    public async Task GetStreamingResponse_RecordedOptions_GivesRecordedRequestAndAnswer(string label)
    {
        var chat = RecordedChat.Get(label);
        var host = await smol.GetAsync();
        var tokenizer = host.Server.Tokenizer;
        host.Server.Enqueue(chat.Script());
        var messages = Messages(chat, tokenizer);
        var request = OptionsOf(chat.Request.SamplingParams);

        var updates = await host.Client.GetStreamingResponseAsync(messages, request, TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);

        AssertSameRequest(chat.Request, host.LastEngineRequest);
        var response = updates.ToChatResponse();
        Assert.Equal(chat.Choices.Count, response.Messages.Count);
        for (var i = 0; i < chat.Choices.Count; i++)
        {
            Assert.Equal(chat.Choices[i].VisibleText(tokenizer), response.Messages[i].Text);
            Assert.Equal(chat.Choices[i].MatchedStop, chat.Choices[i].MatchedStop is null ? null : response.Messages[i].StopReason);
        }

        Assert.Equal(chat.Choices[^1].FinishReason, response.FinishReason?.Value);
        Assert.Equal(chat.Choices[0].PromptTokens, response.Usage!.InputTokenCount);
        Assert.Equal(chat.Choices.Sum(choice => choice.Ids.Count), response.Usage.OutputTokenCount);
        Assert.Equal(chat.Choices[0].CachedTokens, response.Usage.CachedInputTokenCount);

        host.Server.Enqueue(chat.Script());
        var whole = await host.Client.GetResponseAsync(messages, request, TestContext.Current.CancellationToken);
        Assert.Equal(response.Messages.Select(message => message.Text), whole.Messages.Select(message => message.Text));
        Assert.Equal(response.FinishReason, whole.FinishReason);
    }

    /// <summary>Counting without asking is exact: what every recorded server said of a conversation's prompt.</summary>
    [Theory]
    [InlineData("exchanges.jsonl", 40)]
    [InlineData("exchanges-rust.jsonl", 25)]
    public async Task CountTokens_EveryRecordedConversation_IsTheServersCount(string file, int atLeast)
    {
        var host = await smol.GetAsync();
        var counter = host.Client.GetRequiredService<IVllmTokenCounter>();
        var compared = 0;
        foreach (var line in File.ReadLines(TestPaths.RequireCorpus("recordings/" + file)))
        {
            using var exchange = JsonDocument.Parse(line);
            if (PromptOf(exchange.RootElement) is not { } ids || PromptTokens(exchange.RootElement) is not { } expected)
            {
                continue;
            }

            var prompt = host.Server.Tokenizer.Decode(ids);
            var messages = Messages(prompt);
            if (messages.Sum(message => message.Text.Length) > 0 && prompt.EndsWith("<|im_start|>assistant\n", StringComparison.Ordinal))
            {
                var options = Truncation(exchange.RootElement) is > 0 and var most ? new ChatOptions { TruncatePromptTokens = most } : null;
                Assert.Equal(expected, await counter.CountTokensAsync(messages, options, TestContext.Current.CancellationToken));
                compared++;
            }
        }

        Assert.True(compared >= atLeast, $"only {compared} conversations");
    }

    private static int[]? PromptOf(JsonElement exchange)
    {
        var request = Convert.FromHexString(exchange.GetProperty("request").GetString()!);
        return exchange.GetProperty("rpc").GetString() switch
        {
            "/vllm.grpc.engine.VllmEngine/Generate" => [.. GenerateRequest.Parser.ParseFrom(request).Tokenized?.InputIds.Select(id => (int)id) ?? []],
            "/vllm.Inference/Generate" or "/vllm.Inference/GenerateStream" =>
                [.. Grpc.Protocol.Inference.GenerateRequest.Parser.ParseFrom(request).TokenIds?.Ids.Select(id => (int)id) ?? []],
            _ => null,
        };
    }

    private static int Truncation(JsonElement exchange)
    {
        var request = Convert.FromHexString(exchange.GetProperty("request").GetString()!);
        return exchange.GetProperty("rpc").GetString() == "/vllm.grpc.engine.VllmEngine/Generate"
            ? (int)GenerateRequest.Parser.ParseFrom(request).SamplingParams.TruncatePromptTokens
            : (int)Grpc.Protocol.Inference.GenerateRequest.Parser.ParseFrom(request).TruncatePromptTokens;
    }

    private static int? PromptTokens(JsonElement exchange) =>
        exchange.GetProperty("expected") is { ValueKind: JsonValueKind.Array } choices && choices.GetArrayLength() > 0
            && choices[0].TryGetProperty("prompt_tokens", out var count) && count.ValueKind == JsonValueKind.Number && count.GetInt32() > 0
            ? count.GetInt32() : null;

    private static void AssertSameRequest(GenerateRequest expected, GenerateRequest actual)
    {
        var want = expected.Clone();
        var have = actual.Clone();
        want.RequestId = have.RequestId = string.Empty;
        want.Stream = have.Stream = true;
        if (want.SamplingParams is { ConstraintCase: SamplingParams.ConstraintOneofCase.JsonSchema } recorded)
        {
            // The recorded schema goes out within a tag that bounds white space.
            var format = JsonNode.Parse(have.SamplingParams.StructuralTag)!["format"]!;
            Assert.Equal(("json_schema", 1), ((string?)format["type"], (int?)format["max_whitespace_cnt"]));
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(recorded.JsonSchema), format["json_schema"]));
            have.SamplingParams.JsonSchema = recorded.JsonSchema;
        }

        Assert.Equal(JsonFormatter.Default.Format(want), JsonFormatter.Default.Format(have));
        Assert.Equal(want.ToByteArray(), have.ToByteArray());
    }

    private static List<ChatMessage> Messages(RecordedChat chat, VllmTokenizer tokenizer)
    {
        return Messages(tokenizer.Decode([.. chat.Request.Tokenized.InputIds.Select(id => (int)id)]));
    }

    private static List<ChatMessage> Messages(string prompt)
    {
        var messages = new List<ChatMessage>();
        foreach (Match turn in Regex.Matches(prompt, @"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>\n", RegexOptions.Singleline))
        {
            messages.Add(new ChatMessage(new ChatRole(turn.Groups[1].Value), turn.Groups[2].Value));
        }

        return messages;
    }

    private static ChatOptions OptionsOf(SamplingParams recorded)
    {
        var options = new ChatOptions
        {
            Temperature = recorded.HasTemperature ? recorded.Temperature : null,
            MaxOutputTokens = recorded.HasMaxTokens ? (int)recorded.MaxTokens : null,
            TopP = recorded.TopP > 0 ? recorded.TopP : null,
            TopK = recorded.TopK > 0 ? (int)recorded.TopK : null,
            FrequencyPenalty = recorded.FrequencyPenalty != 0 ? recorded.FrequencyPenalty : null,
            PresencePenalty = recorded.PresencePenalty != 0 ? recorded.PresencePenalty : null,
            Seed = recorded.HasSeed ? recorded.Seed : null,
            StopSequences = recorded.Stop.Count > 0 ? [.. recorded.Stop] : null,
            MinP = recorded.MinP > 0 ? recorded.MinP : null,
            RepetitionPenalty = recorded.RepetitionPenalty > 0 ? recorded.RepetitionPenalty : null,
            MinTokens = recorded.MinTokens > 0 ? (int)recorded.MinTokens : null,
            IgnoreEos = recorded.IgnoreEos ? true : null,
            ChoiceCount = recorded.N > 1 ? (int)recorded.N : null,
            Logprobs = recorded.HasLogprobs ? recorded.Logprobs : null,
            PromptLogprobs = recorded.HasPromptLogprobs ? recorded.PromptLogprobs : null,
            StopTokenIds = recorded.StopTokenIds.Count > 0 ? [.. recorded.StopTokenIds.Select(id => (int)id)] : null,
            LogitBias = recorded.LogitBias.Count > 0 ? recorded.LogitBias.ToDictionary(pair => pair.Key, pair => pair.Value) : null,
        };
        switch (recorded.ConstraintCase)
        {
            case SamplingParams.ConstraintOneofCase.JsonSchema:
                options.ResponseFormat = ChatResponseFormat.ForJsonSchema(System.Text.Json.JsonDocument.Parse(recorded.JsonSchema).RootElement);
                break;
            case SamplingParams.ConstraintOneofCase.Regex:
                options.OutputRegex = recorded.Regex;
                break;
            case SamplingParams.ConstraintOneofCase.Choice:
                options.OutputChoices = [.. recorded.Choice.Choices];
                break;
            default:
                break;
        }

        return options;
    }
}
