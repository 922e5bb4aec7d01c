using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Grpc;

/// <summary>Maps what the VllmEngine service reports about model and server to the types of this package.</summary>
internal static class VllmEngineModelInfo
{
    public static VllmModelInfo ToModelInfo(GetModelInfoResponse response, Uri? endpoint = null)
    {
        var served = response.ServedModelName.Length > 0 ? response.ServedModelName : response.ModelPath;
        var isOld = IsOldest(response);
        return new VllmModelInfo
        {
            ModelId = ModelIds.FromPath(response.ModelPath),
            ModelPath = response.ModelPath,
            ServedModelName = ModelIds.FromPath(served),
            ServedModelNames = [served],
            TokenizerPath = response.TokenizerPath.Length > 0 ? response.TokenizerPath : null,
            ContextLength = response.MaxContextLength is > 0 and <= int.MaxValue ? (int)response.MaxContextLength : null,
            VocabularySize = response.VocabSize is > 0 and <= int.MaxValue ? (int)response.VocabSize : null,
            ModelType = response.ModelType.Length > 0 ? response.ModelType : null,
            Architectures = [.. response.Architectures],
            EosTokenIds = [.. response.EosTokenIds],
            BosTokenId = isOld ? null : response.BosTokenId,
            PadTokenId = isOld ? null : response.PadTokenId,
            IsGeneration = response.IsGeneration,
            IsMultimodal = response.SupportsVision,
            DefaultSampling = ReadDefaults(response.DefaultSamplingParamsJson),
            Endpoint = endpoint,
            RawRepresentation = response,
        };
    }

    /// <summary>
    /// Whether the server is one of the first versions, which report neither model type nor tokenizer path, return no log probabilities and mix up
    /// several choices.
    /// </summary>
    public static bool IsOldest(GetModelInfoResponse response) => response.ModelType.Length == 0 && response.TokenizerPath.Length == 0;

    /// <summary>Whether the server is the Rust servicer, the only one that reports its type and uptime.</summary>
    public static bool IsRustServicer(GetServerInfoResponse? server) => server is { ServerType: "vllm-grpc", UptimeSeconds: > 0, BlockSize: > 0 };

    public static VllmCapabilities ToCapabilities(GetModelInfoResponse model, GetServerInfoResponse? server, ConstraintStart? constraintStart)
    {
        var isOld = IsOldest(model);
        var isRust = !isOld && IsRustServicer(server);
        var acceptsMedia = server is { MmProcessor.Length: > 0 };
        return new VllmCapabilities
        {
            Protocol = VllmProtocol.VllmEngine,
            MultipleChoices = !isOld,
            Logprobs = !isOld,
            PromptLogprobs = !isOld && !isRust,
            TextPrompts = !isRust,
            Generation = model.IsGeneration,
            Embeddings = !isOld && !model.IsGeneration,
            TokenizerTransfer = !isOld,
            Loads = !isOld,
            Abort = true,
            Media = acceptsMedia,
            MediaSchemes = acceptsMedia
                ? server!.MmMediaRefSchemes.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                : [],
            MediaLimits = ReadLimits(acceptsMedia ? server!.MmItemLimits : string.Empty),
            ConstraintStart = constraintStart ?? server?.ConstrainedDecodingStart switch
            {
                "first_token" or "from_first_token" => ConstraintStart.FirstToken,
                "after_reasoning" => ConstraintStart.AfterReasoning,
                _ => ConstraintStart.Unknown,
            },
            ReasoningParser = server?.EngineReasoningParser ?? string.Empty,
        };
    }

    public static VllmServerInfo ToServerInfo(GetServerInfoResponse response) => new()
    {
        InstanceId = response.ShmNamespaceId.Length > 0 ? response.ShmNamespaceId : null,
        KvBlockSize = response.BlockSize > 0 ? response.BlockSize : null,
        MaxRunningRequests = response.MaxNumSeqs > 0 ? response.MaxNumSeqs : null,
        DataParallelSize = response.DataParallelSize > 0 ? response.DataParallelSize : null,
        MaxLoras = 0,
        ModelDataType = response.ModelDtype.Length > 0 ? response.ModelDtype : null,
        KvConnector = response.KvConnector,
        RawRepresentation = response,
    };

    /// <summary>Reads the model's sampling defaults. Invalid values are ignored, because they would otherwise make every request fail.</summary>
    internal static SamplingOptions? ReadDefaults(string json)
    {
        if (json.Length == 0)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return root.ValueKind != JsonValueKind.Object ? null : new SamplingOptions
            {
                Temperature = Number(root, "temperature", 0, 2),
                TopP = Number(root, "top_p", float.Epsilon, 1),
                TopK = Number(root, "top_k", -1, int.MaxValue / 2) is { } k ? Math.Max((int)k, 0) : null,
                MinP = Number(root, "min_p", 0, 1),
                RepetitionPenalty = Number(root, "repetition_penalty", float.Epsilon, float.MaxValue),
            };
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static float? Number(JsonElement root, string name, float least, float most) =>
        root.TryGetProperty(name, out var element) && element.ValueKind == JsonValueKind.Number && element.TryGetSingle(out var value)
        && value >= least && value <= most
            ? value
            : null;

    /// <summary>Reads limits in the form <c>image=8,video=2</c>.</summary>
    private static Dictionary<MediaKind, int> ReadLimits(string text)
    {
        var limits = new Dictionary<MediaKind, int>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && int.TryParse(part.AsSpan(equals + 1), System.Globalization.CultureInfo.InvariantCulture, out var limit)
                && Enum.TryParse<MediaKind>(part.AsSpan(0, equals), ignoreCase: true, out var kind))
            {
                limits[kind] = limit;
            }
        }

        return limits;
    }
}
