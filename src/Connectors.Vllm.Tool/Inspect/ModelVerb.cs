using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Tool.Inspect;

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
    /// <param name="client">A client of the server.</param>
    /// <param name="cancellationToken">Ends the questions.</param>
    public static async Task<ModelVerb> AskAsync(VllmChatClient client, CancellationToken cancellationToken)
    {
        var profile = await client.GetModelProfileAsync(cancellationToken).ConfigureAwait(false);
        var engine = (IVllmEngine)client.GetService(typeof(IVllmEngine))!;
        return new ModelVerb([.. await ModelFacts.OfAsync(engine, cancellationToken).ConfigureAwait(false), .. ModelFacts.Of(profile)]);
    }
}
