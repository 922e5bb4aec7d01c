using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary>Something that was found out about a model.</summary>
/// <param name="Name">The name of the fact.</param>
/// <param name="Value">The value; null when it is not known.</param>
/// <param name="Origin">The origin; null if the name implies it.</param>
internal sealed record Fact(string Name, JsonNode? Value, string? Origin = null)
{
    /// <summary>The value as people read it.</summary>
    public string Text => Value switch
    {
        null => "-",
        JsonArray items => string.Join(' ', items.Select(item => item?.ToString())),
        JsonObject members => string.Join(", ", members.Select(member => $"{member.Key} {member.Value}")),
        _ => Value.ToString(),
    };
}

/// <summary>The facts about a model and its server, and their origin.</summary>
internal static class ModelFacts
{
    private const string Server = "the server";

    public static IEnumerable<Fact> Of(VllmModelProfile profile)
    {
        var info = profile.ModelInfo;
        yield return new Fact("model_id", profile.ModelId, info is null ? "the folder's name" : Server);
        yield return new Fact("model_type", profile.ModelType, From(info?.ModelType));
        yield return new Fact("architectures", List(profile.Architectures), info is { Architectures.Count: > 0 } ? Server : "config.json");
        yield return new Fact("context_length", profile.ContextLength, From(info?.ContextLength));
        yield return new Fact("vocabulary_size", profile.VocabularySize, info?.VocabularySize is null ? "config.json or the tokenizer" : Server);
        yield return new Fact(
            "tokenizer", $"{profile.Tokenizer.MaxTokenId + 1} ids, {profile.Tokenizer.AddedTokens.Count} of them added tokens", profile.FilesOrigin);
        yield return new Fact("template", profile.TemplateOrigin, profile.FilesOrigin);
        yield return new Fact("template_prints", Prints(profile.TemplateAbilities), "trying the template");
        yield return new Fact("tool_parser", profile.Format.ToolParser, profile.Format.ToolParserReason);
        yield return new Fact("reasoning_parser", profile.Format.ReasoningParser, profile.Format.ReasoningParserReason);
        yield return new Fact(
            "stop_token_ids", List(profile.StopTokenIds), (info is { EosTokenIds.Count: > 0 } ? Server + ", " : "")
                + "config.json, generation_config.json and the tokenizer's end token");
        yield return new Fact("stop_tokens", List(profile.StopTokenIds.Select(id => profile.Tokenizer.IdToToken(id))));
        yield return new Fact(
            "sampling_defaults", Sampling(profile.SamplingDefaults), info?.DefaultSampling is null ? "generation_config.json" : Server);
    }

    /// <summary>Queries a server and its capabilities.</summary>
    public static async Task<IReadOnlyList<Fact>> OfAsync(IVllmEngine engine, CancellationToken cancellationToken)
    {
        var capabilities = await engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
        VllmServerInfo? info = null;
        try
        {
            info = await engine.GetServerInfoAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException)
        {
            // Early servers of the Inference protocol do not tell.
        }

        return
        [
            new Fact("endpoint", engine.Endpoint.ToString()),
            new Fact("protocol", engine.Protocol.ToString(), "the methods it answers"),
            new Fact("engine_version", info?.EngineVersion, Server),
            new Fact("capabilities", List(Names(capabilities)), Server),
            new Fact("media_schemes", List(capabilities.MediaSchemes), Server),
            new Fact(
                "media_limits",
                new JsonObject(
                    capabilities.MediaLimits.Select(limit => KeyValuePair.Create(limit.Key.ToString().ToLowerInvariant(), (JsonNode?)limit.Value))),
                    Server),
            new Fact("max_running_requests", info?.MaxRunningRequests, Server),
            new Fact("constraint_start", capabilities.ConstraintStart.ToString(), Server),
            new Fact("server_reasoning_parser", capabilities.ReasoningParser, Server),
            new Fact("server_tool_call_parser", capabilities.ToolCallParser, Server),
        ];
    }

    public static void WriteFormat(Utf8JsonWriter answer, OutputFormat format)
    {
        answer.WriteStartObject("format");
        answer.WriteString("tool_parser", format.ToolParser);
        answer.WriteString("tool_parser_reason", format.ToolParserReason);
        answer.WriteString("reasoning_parser", format.ReasoningParser);
        answer.WriteString("reasoning_parser_reason", format.ReasoningParserReason);
        answer.WriteEndObject();
    }

    private static JsonObject? Prints(VllmTemplateAbilities? abilities) => abilities is null ? null : new JsonObject
    {
        ["system"] = abilities.PrintsSystem,
        ["later_system"] = abilities.PrintsLaterSystem,
        ["equal_roles"] = abilities.TakesEqualRoles,
        ["assistant_first"] = abilities.TakesAssistantFirst,
        ["tool_calls"] = abilities.PrintsToolCalls,
        ["tool_results"] = abilities.PrintsToolResults,
        ["text_beside_calls"] = abilities.PrintsTextBesideCalls,
        ["parallel_calls"] = abilities.PrintsParallelCalls,
        ["null_content_beside_calls"] = abilities.NeedsNullContentBesideCalls,
        ["arguments_as_text"] = abilities.NeedsArgumentText,
        ["call_ids"] = abilities.CallIds.ToString(),
        ["prints_call_ids"] = abilities.PrintsCallIds,
        ["reasoning"] = abilities.PrintsReasoning,
        ["earlier_reasoning"] = abilities.PrintsEarlierReasoning,
        ["images"] = abilities.PrintsImages,
        ["known"] = abilities.IsKnown,
    };

    private static string From(object? server) => server is null ? "config.json" : Server;

    private static JsonArray List(IEnumerable<string?> values) => [.. values.Select(value => (JsonNode?)value)];

    private static JsonArray List(IEnumerable<int> values) => [.. values.Select(value => (JsonNode?)value)];

    private static JsonObject? Sampling(SamplingOptions? sampling)
    {
        if (sampling is null)
        {
            return null;
        }

        var set = new JsonObject();
        foreach (var (name, value) in new (string, JsonNode?)[]
        {
            ("temperature", sampling.Temperature), ("top_p", sampling.TopP), ("top_k", sampling.TopK), ("min_p", sampling.MinP),
            ("repetition_penalty", sampling.RepetitionPenalty), ("max_tokens", sampling.MaxTokens),
        })
        {
            if (value is not null)
            {
                set[name] = value;
            }
        }

        return set;
    }

    private static IEnumerable<string> Names(VllmCapabilities capabilities) =>
        from capability in new (string Name, bool Has)[]
        {
            ("n", capabilities.MultipleChoices), ("logprobs", capabilities.Logprobs), ("lora", capabilities.Lora),
            ("priority", capabilities.Priority),
            ("cache_salt", capabilities.CacheSalt), ("allowed_token_ids", capabilities.AllowedTokenIds), ("embeddings", capabilities.Embeddings),
            ("generation", capabilities.Generation), ("tokenizer_transfer", capabilities.TokenizerTransfer), ("loads", capabilities.Loads),
            ("abort", capabilities.Abort), ("long_seeds", capabilities.LongSeeds), ("media", capabilities.Media),
        }
        where capability.Has
        select capability.Name;
}

/// <summary><c>model</c>: the facts about the model of a server or a folder, and their origin.</summary>
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

    /// <summary>Queries a server like a chat client before its first request.</summary>
    /// <param name="client">A client of the server.</param>
    /// <param name="cancellationToken">Ends the questions.</param>
    public static async Task<ModelVerb> AskAsync(VllmChatClient client, CancellationToken cancellationToken)
    {
        var profile = await client.GetModelProfileAsync(cancellationToken).ConfigureAwait(false);
        var engine = (IVllmEngine)client.GetService(typeof(IVllmEngine))!;
        return new ModelVerb([.. await ModelFacts.OfAsync(engine, cancellationToken).ConfigureAwait(false), .. ModelFacts.Of(profile)]);
    }
}
