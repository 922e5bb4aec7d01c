using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Writes every update as one JSON line, then the response as one, in Microsoft.Extensions.AI's own JSON.</summary>
internal sealed class JsonAnswerWriter(TextWriter output) : IAnswerWriter
{
    private static readonly JsonSerializerOptions OneLine = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    public void Write(ChatResponseUpdate update) => WriteLine(update);

    public void Complete(ChatResponse response) => WriteLine(response);

    public void Abandon()
    {
    }

    private void WriteLine<T>(T value)
    {
        output.WriteLine(JsonSerializer.Serialize(value, OneLine.GetTypeInfo(typeof(T))));
        output.Flush();
    }
}
