using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests;

/// <summary>One recorded generation of the VllmEngine protocol: the request, and what the model said.</summary>
internal sealed record RecordedChat(string Label, GenerateRequest Request, IReadOnlyList<RecordedChoice> Choices, bool IsStream)
{
    private static readonly Lazy<IReadOnlyList<RecordedChat>> Loaded = new(() => Load(TestPaths.RequireCorpus("recordings/exchanges.jsonl")));

    public static RecordedChat Get(string label) => Loaded.Value.Single(chat => chat.Label == label);

    public ScriptedReply Script()
    {
        ScriptedReply[] replies =
            [.. Choices.Select(
                choice => new ScriptedReply
                { Ids = choice.Ids, CachedTokens = choice.CachedTokens, FinishReason = choice.FinishReason == "abort" ? "abort" : null })];
        return replies[0] with { Alternatives = replies[1..] };
    }

    private static IReadOnlyList<RecordedChat> Load(string file)
    {
        var chats = new List<RecordedChat>();
        foreach (var line in File.ReadLines(file).Where(line => line.Length > 0))
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (RecordedServers.Of(root) != EmulatedServer.VllmEngine
                || !root.GetProperty("rpc").GetString()!.EndsWith("/Generate", StringComparison.Ordinal)
                || root.GetProperty("status").GetString() != "OK")
            {
                continue;
            }

            chats.Add(new RecordedChat(
                root.GetProperty("label").GetString()!,
                GenerateRequest.Parser.ParseFrom(Convert.FromHexString(root.GetProperty("request").GetString()!)),
                [.. root.GetProperty("expected").EnumerateArray().Select(choice => new RecordedChoice(
                    [.. choice.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())],
                    choice.GetProperty("finish_reason").GetString()!,
                    choice.TryGetProperty("matched_stop_str", out var stop) ? stop.GetString() : null,
                    choice.TryGetProperty("matched_token_id", out var token) ? token.GetInt32() : null,
                    choice.GetProperty("text_skip_special").GetString()!,
                    choice.GetProperty("prompt_tokens").GetInt32(),
                    choice.GetProperty("cached_tokens").GetInt32()))],
                root.GetProperty("stream").GetBoolean()));
        }

        return chats;
    }
}
