using Connectors.Vllm.Grpc;
using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;
using InferenceProtocol = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>One recorded exchange, and the script that makes the test server's model say the same ids.</summary>
internal sealed record RecordedExchange(
    EmulatedServer Server, string Label, string Rpc, byte[] Request, IReadOnlyList<byte[]> Responses, string Status, string Details)
{
    public static IReadOnlyList<RecordedExchange> Load(string file) =>
        [.. File.ReadLines(file).Where(line => line.Length > 0).Select(Parse)];

    public ScriptedReply Script() => Server == EmulatedServer.Inference ? InferenceScript() : EngineScript();

    private static RecordedExchange Parse(string line)
    {
        using var json = JsonDocument.Parse(line);
        var root = json.RootElement;
        return new RecordedExchange(
            RecordedServers.Of(root),
            root.GetProperty("label").GetString()!,
            root.GetProperty("rpc").GetString()!,
            Convert.FromHexString(root.GetProperty("request").GetString()!),
            [.. root.GetProperty("responses").EnumerateArray().Select(hex => Convert.FromHexString(hex.GetString()!))],
            root.GetProperty("status").GetString()!,
            root.GetProperty("details").GetString()!);
    }

    private bool LosesFirstToken =>
        Server == EmulatedServer.VllmEngineRust && GenerateRequest.Parser.ParseFrom(Request).SamplingParams is { HasPromptLogprobs: true };

    private ScriptedReply EngineScript()
    {
        var choices = new SortedDictionary<int, (List<int> Ids, List<int> Sizes, List<TokenLogprob> LogProbs)>();
        var order = new List<int>();
        var cached = 0;
        InputLogProbs? prompt = null;
        foreach (var message in Responses.Select(GenerateResponse.Parser.ParseFrom))
        {
            var isWhole = Responses.Count == 1 || Label.EndsWith("-whole", StringComparison.Ordinal);
            if (message.ResponseCase == GenerateResponse.ResponseOneofCase.Complete && !isWhole)
            {
                continue;
            }

            var (index, ids, logProbs) = message.ResponseCase == GenerateResponse.ResponseOneofCase.Chunk && message.Chunk is { } chunk
                ? ((int)chunk.Index, chunk.TokenIds, chunk.OutputLogprobs)
                : ((int)message.Complete!.Index, message.Complete.OutputIds, message.Complete.OutputLogprobs);
            prompt ??= message.Chunk?.InputLogprobs ?? message.Complete?.InputLogprobs;
            cached = (int)(message.Chunk?.CachedTokens ?? message.Complete!.CachedTokens);
            if (!choices.TryGetValue(index, out var choice))
            {
                choices[index] = choice = ([], [], []);
            }

            if (LosesFirstToken && choice.Ids.Count == 0)
            {
                // What the engine said first; nobody ever saw it.
                choice.Ids.Add(0);
                choice.LogProbs.Add(new TokenLogprob(0, 0, 1));
                choice.Sizes.Add(1);
                choice.Sizes[0] += ids.Count;
                choice.Ids.AddRange(ids.Select(id => (int)id));
                choice.LogProbs.AddRange(LogProbs(logProbs));
                order.Add(index);
                continue;
            }

            choice.Ids.AddRange(ids.Select(id => (int)id));
            choice.Sizes.Add(ids.Count);
            choice.LogProbs.AddRange(LogProbs(logProbs));
            order.Add(index);
        }

        ScriptedReply[] replies = [.. choices.Values.Select(choice => new ScriptedReply
        {
            Ids = choice.Ids,
            MessageSizes = choice.Sizes,
            Logprobs = choice.LogProbs.Count > 0 ? choice.LogProbs : null,
            CachedTokens = cached,
            PromptLogprobs = prompt is null ? null : [.. PromptLogProbs(prompt)],
        })];
        return replies[0] with { Alternatives = replies[1..], ChoiceOrder = order };
    }

    private ScriptedReply InferenceScript()
    {
        var ids = new List<int>();
        var sizes = new List<int>();
        var logProbs = new List<TokenLogprob>();
        var prompt = new List<TokenLogprob>();
        var cached = 0u;
        foreach (var message in Responses.Select(InferenceProtocol.GenerateResponse.Parser.ParseFrom))
        {
            for (var i = 0; i < message.PromptInfo?.Logprobs.Count; i++)
            {
                prompt.Add(Logprob(message.PromptInfo.Logprobs[i], message.PromptInfo.Ranks[i], message.PromptInfo.CandidateTokens[i]));
            }

            if (message.Outputs is not { } output)
            {
                continue;
            }

            ids.AddRange(output.TokenIds.Select(id => (int)id));
            sizes.Add((int)output.NumTokens);
            cached = output.FinishInfo?.NumCachedTokens ?? cached;
            for (var i = 0; i < output.Logprobs.Count; i++)
            {
                logProbs.Add(Logprob(output.Logprobs[i], output.Ranks[i], output.CandidateTokens[i]));
            }
        }

        return new ScriptedReply
        {
            Ids = ids,
            MessageSizes = sizes,
            Logprobs = logProbs.Count > 0 ? logProbs : null,
            PromptLogprobs = prompt.Count > 0 ? prompt : null,
            CachedTokens = (int)cached,
        };
    }

    private static TokenLogprob Logprob(float value, uint rank, InferenceProtocol.CandidateTokenInfo candidates) =>
        Logprob(value, (int)rank, [.. candidates.Tokens.Select(token => new TokenLogprob((int)token.Id, token.Logprob, (int)token.Rank))]);

    // A script's entries take their token ids from the reply.
    private static TokenLogprob Logprob(float value, int rank, TokenLogprob[] best) => new(0, value, rank) { Alternatives = best };

    private static IEnumerable<TokenLogprob> LogProbs(OutputLogProbs? message)
    {
        for (var i = 0; i < message?.TokenLogprobs.Count; i++)
        {
            yield return Logprob(message.TokenLogprobs[i], 1, i < message.TopLogprobs.Count ? Best(message.TopLogprobs[i]) : []);
        }
    }

    private static IEnumerable<TokenLogprob> PromptLogProbs(InputLogProbs message)
    {
        for (var i = 0; i < message.TokenLogprobs.Count; i++)
        {
            yield return Logprob(message.TokenLogprobs[i].Value, 1, i < message.TopLogprobs.Count ? Best(message.TopLogprobs[i]) : []);
        }
    }

    private static TokenLogprob[] Best(TopLogProbs top) =>
        [.. top.TokenIds.Select((id, i) => new TokenLogprob((int)id, top.Values[i], i + 1))];
}
