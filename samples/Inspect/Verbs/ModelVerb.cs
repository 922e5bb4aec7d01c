using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Samples.Inspect.Verbs;

/// <summary><c>model</c>: what was found out about a server's model, or a folder's, and where each fact came from.</summary>
internal sealed class ModelVerb(IReadOnlyList<Fact> facts) : IVerb
{
    public bool NeedsInput => false;

    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        JsonObject origins = [];
        foreach (var fact in facts)
        {
            answer.WritePropertyName(fact.Name);
            if (fact.Value is null)
            {
                answer.WriteNullValue();
                continue;
            }

            fact.Value.WriteTo(answer);
            if (fact.Origin is not null)
            {
                origins[fact.Name] = fact.Origin;
            }
        }

        answer.WritePropertyName("origins");
        origins.WriteTo(answer);
    }

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        foreach (var fact in facts)
        {
            output.WriteLine($"{fact.Name,-24} {fact.Text}{(fact is { Value: not null, Origin: { } origin } ? $"   ({origin})" : "")}");
        }
    }

    /// <summary>The model of a folder.</summary>
    public static ModelVerb Of(VllmModelProfile profile) => new([.. ModelFacts.Of(profile)]);

    /// <summary>Asks a server for everything, as a chat client does before its first answer.</summary>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelDirectory">Where the tokenizer is, for servers that do not send theirs; null when the client has to find it.</param>
    public static async Task<ModelVerb> ConnectAsync(string endpoint, string? modelDirectory)
    {
        await using VllmChatClient client =
            new(new VllmGrpcOptions { Endpoint = new Uri(endpoint, UriKind.RelativeOrAbsolute), ModelDirectory = modelDirectory });
        var profile = await client.GetModelProfileAsync();
        return new ModelVerb(
            [.. await ModelFacts.OfAsync((Grpc.IVllmEngine)client.GetService(typeof(Grpc.IVllmEngine))!), .. ModelFacts.Of(profile)]);
    }
}
