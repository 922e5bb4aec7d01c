using System.Text.Json;
using Connectors.Vllm.Tokenizers;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Compares the client's results for recorded messages with the expectations in the recording, and with the messages themselves.</summary>
internal static class RecordedFacts
{
    private static readonly Lazy<VllmTokenizer> Smol =
        new(() => VllmTokenizer.FromDirectory(TestPaths.RequireCorpus("tokenizers/smollm2-135m-instruct")));

    /// <summary>The tokenizer of the recorded model.</summary>
    public static VllmTokenizer Tokenizer => Smol.Value;

    /// <summary>The recorded request. The Inference protocol does not tell the size of the vocabulary.</summary>
    public static GenerationRequest Read(RecordedExchange exchange) => exchange.Server == EmulatedServer.VllmEngine
        ? RequestReading.FromEngine(exchange.Request).Request
        : RequestReading.FromInference(exchange.Request, exchange.Method.EndsWith("Stream", StringComparison.Ordinal)).Request with
        {
            VocabularySize = 49_152,
        };

    /// <summary>Replays the answer. Where the recording's client aborted its request, this one does the same while the server has it.</summary>
    public static void Answer(this ReplayServer server, IVllmEngine engine, RecordedExchange exchange, ReplayLayout layout = ReplayLayout.Whole)
    {
        if (!exchange.Label.StartsWith("abort-", StringComparison.Ordinal))
        {
            server.Answer(exchange.Method, exchange.Responses, exchange.StatusCode, exchange.Details, layout);
            return;
        }

        var isEngine = exchange.Server == EmulatedServer.VllmEngine;
        server.Answer(isEngine ? "/vllm.grpc.engine.VllmEngine/Abort" : "/vllm.Control/Abort", [[]]);
        server.Handle(exchange.Method, async (context, message) =>
        {
            var id = isEngine
                ? Engine.GenerateRequest.Parser.ParseFrom(message).RequestId
                : Inference.GenerateRequest.Parser.ParseFrom(message).RequestId;
            await engine.AbortAsync([id]);
            await ReplayServer.SendAsync(context, exchange.Responses, layout: layout);
        });
    }

    /// <summary>Ids, finish and stop facts, counts, and every log probability with its alternatives.</summary>
    public static void Compare(RecordedExchange exchange, List<GenerationUpdate> updates)
    {
        Assert.Equal(exchange.Expected.GetArrayLength(), updates.Count(update => update.Finish is not null));
        foreach (var expected in exchange.Expected.EnumerateArray())
        {
            CompareChoice(exchange, expected, updates);
        }

        var recorded = exchange.Server == EmulatedServer.VllmEngine ? VllmEngineLogprobs(exchange) : InferenceLogprobs(exchange);
        foreach (var choice in recorded.GroupBy(part => part.Index, part => part.Tokens).ToDictionary(part => part.Key))
        {
            Assert.Equal(choice.Value.SelectMany(tokens => tokens), Flatten(updates, choice.Key));
        }

        var asked = Read(exchange).Logprobs is not null;
        Assert.All(
            updates.Where(update => !update.TokenIds.IsEmpty),
            update => Assert.Equal(asked ? update.TokenIds.Length : 0, update.Logprobs?.Count ?? 0));
    }

    /// <summary>The text of each choice as a client shows it: without the stop string and what follows it, and without the stop token.</summary>
    public static IEnumerable<string> TextsOf(RecordedExchange exchange) => exchange.Expected.EnumerateArray().Select(choice =>
    {
        var text = Text(choice, "text_skip_special") ?? Text(choice, "text") ?? "";
        return (Text(choice, "matched_stop_str") ?? Text(choice, "stop_string")) is { } stop && text.Contains(stop, StringComparison.Ordinal)
            ? text[..text.IndexOf(stop, StringComparison.Ordinal)]
            : (Number(choice, "matched_token_id") ?? Number(choice, "stop_token_id")) is not null
                ? Tokenizer.Decode([.. Ids(choice).SkipLast(1)], skipSpecialTokens: true)
                : text;
    });

    /// <summary>The log probabilities of a choice as texts: token, alternatives.</summary>
    public static IEnumerable<string> Flatten(IEnumerable<GenerationUpdate> updates, int index) => updates
        .Where(update => update.Index == index).SelectMany(update => update.Logprobs ?? [])
        .Select(token => Line((token.TokenId, token.Logprob), token.Alternatives.Select(other => (other.TokenId, other.Logprob))));

    private static void CompareChoice(RecordedExchange exchange, JsonElement expected, List<GenerationUpdate> updates)
    {
        var index = expected.GetProperty("index").GetInt32();
        var finish = updates.Finish(index);
        var ids = updates.Ids(index);

        // Two recordings requested text only.
        var expectedIds = Ids(expected);
        if (expectedIds.Length > 0 || exchange.Server == EmulatedServer.VllmEngine)
        {
            Assert.True(expectedIds.SequenceEqual(ids), $"{exchange} choice {index}: {string.Join(' ', ids)}");
        }

        Assert.Equal(Text(expected, "finish_reason"), finish.RawReason);
        Assert.Equal(expected.GetProperty("prompt_tokens").GetInt32(), updates.Max(update => update.PromptTokens));
        if (Number(expected, "cached_tokens") is { } cached)
        {
            Assert.Equal(cached, updates.Max(update => update.CachedTokens));
        }

        Assert.Equal(Text(expected, "matched_stop_str") ?? Text(expected, "stop_string"), finish.StopString);
        Assert.Equal(Number(expected, "matched_token_id") ?? Number(expected, "stop_token_id"), finish.StopTokenId);
        Assert.Equal(Number(expected, "eos_token_id"), finish.EosTokenId);
        Assert.Equal(Number(expected, "completion_tokens") ?? Number(expected, "num_output_tokens"), finish.OutputTokens);
    }

    /// <summary>As the messages hold them; a last message that repeats ids is left out.</summary>
    private static IEnumerable<(int Index, IEnumerable<string> Tokens)> VllmEngineLogprobs(RecordedExchange exchange)
    {
        var isStream = Engine.GenerateRequest.Parser.ParseFrom(exchange.Request).Stream;
        foreach (var response in exchange.Responses.Select(Engine.GenerateResponse.Parser.ParseFrom))
        {
            var (index, logprobs) = response.Chunk is { } chunk ? (chunk.Index, chunk.OutputLogprobs)
                : isStream ? (0u, null)
                : (response.Complete.Index, response.Complete.OutputLogprobs);
            if (logprobs is not null)
            {
                yield return ((int)index, logprobs.TokenIds.Select((id, i) => Line(
                    ((int)id, logprobs.TokenLogprobs[i]),
                    i < logprobs.TopLogprobs.Count
                        ? logprobs.TopLogprobs[i].TokenIds.Zip(logprobs.TopLogprobs[i].Values, (other, value) => ((int)other, (float?)value))
                        : [])));
            }
        }
    }

    private static IEnumerable<(int Index, IEnumerable<string> Tokens)> InferenceLogprobs(RecordedExchange exchange) =>
        from outputs in exchange.Responses.Select(bytes => Inference.GenerateResponse.Parser.ParseFrom(bytes).Outputs)
        where outputs is { Logprobs.Count: > 0 }
        select ((int)outputs.Index, outputs.TokenIds.Select((id, i) => Line(
            ((int)id, outputs.Logprobs[i]),
            i < outputs.CandidateTokens.Count ? outputs.CandidateTokens[i].Tokens.Select(token => ((int)token.Id, (float?)token.Logprob)) : [])));

    private static string Line((int Id, float? Logprob) token, IEnumerable<(int Id, float? Logprob)> alternatives) =>
        $"{token.Id}:{token.Logprob:R} "
        + string.Join(',', alternatives.OrderByDescending(other => other.Logprob).Select(other => $"{other.Id}:{other.Logprob:R}"));

    private static int[] Ids(JsonElement choice) => [.. choice.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static int? Number(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetInt32() : null;
}
