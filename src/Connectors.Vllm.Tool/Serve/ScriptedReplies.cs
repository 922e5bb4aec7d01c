using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Serve;

/// <summary>
/// Replies from a file, one JSON object a line: <c>text</c>, or <c>status</c> (a gRPC status number) and <c>detail</c> for a failure; <c>match</c>, a
/// regular expression on the prompt, says which requests it is for. The first line that matches answers; lines without <c>match</c> answer in turn,
/// from the first again after the last.
/// </summary>
internal sealed class ScriptedReplies
{
    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(1);

    private readonly List<(Regex Match, ScriptedReply Reply)> _matching = [];
    private readonly List<ScriptedReply> _inTurn = [];
    private int _next = -1;

    /// <exception cref="ToolException">A line is not a reply.</exception>
    public static ScriptedReplies Load(string file)
    {
        var replies = new ScriptedReplies();
        var number = 0;
        foreach (var line in File.ReadLines(file).Where(static line => !string.IsNullOrWhiteSpace(line)))
        {
            number++;
            try
            {
                replies.Add(JsonElement.Parse(line));
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or ArgumentException)
            {
                throw new ToolException($"--script {file}, reply {number}: {exception.Message}");
            }
        }

        return replies._inTurn.Count + replies._matching.Count > 0 ? replies : throw new ToolException($"--script {file} contains no replies.");
    }

    /// <summary>The reply to a prompt; null when no line is for it, and the demonstration model answers. Thread-safe.</summary>
    public ScriptedReply? Find(string prompt) =>
        _matching.Find(scripted => scripted.Match.IsMatch(prompt)).Reply
        ?? (_inTurn.Count == 0 ? null : _inTurn[(int)((uint)Interlocked.Increment(ref _next) % (uint)_inTurn.Count)]);

    private void Add(JsonElement line)
    {
        if (line.ValueKind != JsonValueKind.Object)
        {
            throw new ArgumentException($"a reply is a JSON object such as {{\"text\":\"Hello\"}}, not a JSON {line.ValueKind}");
        }

        var reply = line.TryGetProperty("status", out var status)
            ? ScriptedReply.Failing(ServerFault.Status(status.GetInt32(), Text(line, "detail") ?? string.Empty))
            : ScriptedReply.FromText(Text(line, "text") ?? throw new ArgumentException("\"text\" is missing"));
        if (Text(line, "match") is { } match)
        {
            _matching.Add((new Regex(match, RegexOptions.CultureInvariant, MatchLimit), reply));
        }
        else
        {
            _inTurn.Add(reply);
        }
    }

    private static string? Text(JsonElement line, string name) => line.TryGetProperty(name, out var value) ? value.GetString() : null;
}
