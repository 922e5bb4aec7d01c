namespace Connectors.Vllm.Grpc;

/// <summary>
/// Fills what a request leaves open, the way vLLM's HTTP server does: the caller's value, else the model's default, else neutral. The temperature is
/// always said (absent is 1 to one protocol and greedy to the other), and so is the length.
/// </summary>
internal static class SamplingFiller
{
    public static SamplingOptions Fill(GenerationRequest request, VllmModelInfo model, bool applyModelDefaults)
    {
        var sampling = request.Sampling.WithDefaults(applyModelDefaults ? model.DefaultSampling : null);
        sampling = sampling with { Temperature = sampling.Temperature ?? 1 };

        // Media grow inside the server, so the room left is not known here; text is counted there as well.
        if (model.ContextLength is not { } context)
        {
            return sampling;
        }

        var room = request.PromptText is null && request.Media.Count == 0 ? context - request.PromptIds.Length : context - 1;
        return room < 1 ? sampling : sampling with { MaxTokens = Math.Min(sampling.MaxTokens ?? int.MaxValue, room) };
    }
}

/// <summary>
/// Shortens prompts of ids here: one protocol ignores the option for them, and a prompt that is cut before it is sent needs less
/// of everything. A prompt of text is cut by the server, which is the first to know its ids.
/// </summary>
internal static class PromptTruncation
{
    public static GenerationRequest Apply(GenerationRequest request)
    {
        if (request.Sampling.TruncatePromptTokens is not (> 0 and var length) || request.PromptText is not null || request.Media.Count > 0)
        {
            return request;
        }

        return request with
        {
            PromptIds = request.PromptIds.Length > length ? request.PromptIds[^length..] : request.PromptIds,
            Sampling = request.Sampling with { TruncatePromptTokens = null },
        };
    }
}

/// <summary>Ids for requests: unique, in order of time.</summary>
internal static class RequestIds
{
    public static string Next() => Guid.CreateVersion7().ToString("N");
}
