using System.Text.Json;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Exchanges with a live server, from the extra corpus.</summary>
internal static class Recordings
{
    private static readonly Lazy<IReadOnlyList<RecordedExchange>> Cached = new(() => Load("exchanges.jsonl"));
    private static readonly Lazy<IReadOnlyList<RecordedExchange>> CachedRust = new(
        () => [.. Load("exchanges-rust.jsonl").Select(exchange => exchange with { Server = EmulatedServer.VllmEngine })]);

    private static readonly Lazy<IReadOnlyList<RecordedExchange>> CachedConstraints = new(() => Load("exchanges-constraints.jsonl"));

    public static IReadOnlyList<RecordedExchange> All => Cached.Value;

    /// <summary>The same requests, answered by the Rust servicer of the VllmEngine protocol.</summary>
    public static IReadOnlyList<RecordedExchange> Rust => CachedRust.Value;

    /// <summary>Constrained requests on three servers, in engines with either grammar compiler.</summary>
    public static IReadOnlyList<RecordedExchange> Constraints => CachedConstraints.Value;

    public static RecordedExchange Get(EmulatedServer server, string label) =>
        All.Single(exchange => exchange.Server == server && exchange.Label == label);

    private static List<RecordedExchange> Load(string name)
    {
        var file = TestPaths.RequireCorpus("recordings/" + name);
        var list = new List<RecordedExchange>();
        foreach (var line in File.ReadLines(file))
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement.Clone();
            list.Add(new RecordedExchange(
                RecordedServers.Of(root),
                root.GetProperty("label").GetString()!,
                root.GetProperty("rpc").GetString()!,
                Convert.FromHexString(root.GetProperty("request").GetString()!),
                [.. root.GetProperty("responses").EnumerateArray().Select(hex => Convert.FromHexString(hex.GetString()!))],
                root.GetProperty("status").GetString()!,
                root.TryGetProperty("details", out var details) ? details.GetString() ?? "" : "",
                root.TryGetProperty("expected", out var expected) ? expected : default));
        }

        return list;
    }
}
