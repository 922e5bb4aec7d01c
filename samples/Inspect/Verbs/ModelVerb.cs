using System.Text.Json;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Samples.Inspect.Verbs;

/// <summary><c>model</c>: what was found out about a server's model, or a folder's, and where it came from.</summary>
internal sealed class ModelVerb(VllmModelProfile profile, IVllmEngine? engine) : IVerb
{
    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        foreach (var (name, value) in ModelFacts.Of(profile, engine))
        {
            switch (value)
            {
                case null:
                    answer.WriteNull(name);
                    break;
                case int number:
                    answer.WriteNumber(name, number);
                    break;
                default:
                    answer.WriteString(name, value.ToString());
                    break;
            }
        }
    }

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        foreach (var (name, value) in ModelFacts.Of(profile, engine))
        {
            output.WriteLine($"{name,-24} {value ?? "-"}");
        }
    }

    /// <summary>Asks a server for everything, as a chat client does before its first answer.</summary>
    public static ModelVerb Connect(string endpoint)
    {
        VllmChatClient client = new(endpoint);
        var counter = (IVllmTokenCounter)client.GetService(typeof(IVllmTokenCounter))!;
        counter.CountTokensAsync("").AsTask().GetAwaiter().GetResult();
        return new ModelVerb((VllmModelProfile)client.GetService(typeof(VllmModelProfile))!, (IVllmEngine?)client.GetService(typeof(IVllmEngine)));
    }
}
