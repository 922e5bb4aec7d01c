using System.Globalization;

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

internal static class RequestIds
{
    /// <summary>
    /// The id of an attempt. A caller's own id gets a suffix when it is sent again: a server may still know it from the attempt before.
    /// </summary>
    public static string ForAttempt(string? requestId, int attempt) => requestId is null ? GenerationRequest.NewRequestId()
        : attempt == 0 ? requestId
        : string.Create(CultureInfo.InvariantCulture, $"{requestId}-retry{attempt}");
}
