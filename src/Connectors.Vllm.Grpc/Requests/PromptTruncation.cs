namespace Connectors.Vllm.Grpc;

/// <summary>
/// Shortens prompts of ids here: one protocol family ignores the option for them, and a prompt that is cut before it is sent needs less
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
