using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Merges a conversation into the turns that the format knows, as mistral-common does.</summary>
internal sealed class MistralNormalizer(MistralPromptVersion version)
{
    private const string Gap = "\n\n";

    /// <summary>Returns the turns and, for V3, the system prompt that goes into the last user message.</summary>
    public (List<MistralMessage> Turns, string? System) Normalize(IReadOnlyList<MistralMessage> messages)
    {
        var hasSystemTurns = version != MistralPromptVersion.V3;
        var turns = new List<MistralMessage>();
        var callOrder = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < messages.Count;)
        {
            var run = new List<MistralMessage> { messages[i++] };
            while (i < messages.Count && messages[i].Role == run[0].Role && run[0].Role != "system")
            {
                run.Add(messages[i++]);
            }

            if (hasSystemTurns || run[0].Role != "system")
            {
                AppendRun(turns, run, callOrder);
            }
        }

        if (turns.Count == 0 || (!hasSystemTurns && turns[0].Role != "user"))
        {
            turns.Insert(0, MistralMessage.Plain("user", ""));
        }

        return (turns, hasSystemTurns ? null : SystemPrompt(messages));
    }

    private string? SystemPrompt(IReadOnlyList<MistralMessage> messages)
    {
        var texts = messages.Where(message => message.Role == "system")
            .Select(message => Aggregate([message]).Text)
            .Where(text => text.Length > 0)
            .ToList();
        return texts.Count == 0 ? null : string.Join(Gap, texts);
    }

    private void AppendRun(List<MistralMessage> turns, List<MistralMessage> run, Dictionary<string, int> callOrder)
    {
        switch (run[0].Role)
        {
            case "tool":
                var results = run.Select(message => Aggregate([message]));
                turns.AddRange(version >= MistralPromptVersion.V11
                    ? results.OrderBy(result => callOrder.GetValueOrDefault(result.CallId!, int.MaxValue))
                    : results);
                callOrder.Clear();
                break;
            case "assistant":
                var merged = Aggregate(run) with { Calls = [.. run.SelectMany(message => message.Calls)] };
                if (version == MistralPromptVersion.V3 && merged.Calls.Count > 0 && merged.Text.Length > 0)
                {
                    throw run[0].Error(
                        "neighbouring assistant messages hold content and tool calls; Mistral's prompt format V3 has no turn with both");
                }

                foreach (var call in merged.Calls)
                {
                    callOrder.TryAdd(call.Id, callOrder.Count);
                }

                turns.Add(merged);
                break;
            default:
                turns.Add(Aggregate(run));
                break;
        }
    }

    /// <summary>One message of a run: neighbouring texts become one, empty ones vanish, other chunks stay between them.</summary>
    private MistralMessage Aggregate(List<MistralMessage> run)
    {
        var chunks = new List<MistralChunk>();
        var text = new StringBuilder();
        foreach (var message in run)
        {
            var separator = Gap;
            foreach (var chunk in message.Chunks)
            {
                if (chunk.Kind != MistralChunkKind.Text)
                {
                    Flush(chunks, text);
                    chunks.Add(chunk);
                }
                else if (chunk.Text.Length > 0)
                {
                    text.Append(text.Length == 0 ? "" : separator).Append(chunk.Text);
                    separator = version >= MistralPromptVersion.V15 ? "" : Gap;
                }
            }
        }

        var isPlain = chunks.Count == 0;
        Flush(chunks, text);
        return run[0] with { Chunks = chunks, IsPlain = isPlain };
    }

    private static void Flush(List<MistralChunk> chunks, StringBuilder text)
    {
        if (text.Length > 0)
        {
            chunks.Add(new MistralChunk(MistralChunkKind.Text, text.ToString()));
            text.Clear();
        }
    }
}
