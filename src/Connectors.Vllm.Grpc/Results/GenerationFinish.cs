namespace Connectors.Vllm.Grpc;

/// <summary>How a choice ended.</summary>
public sealed record GenerationFinish
{
    /// <summary>Why.</summary>
    public GenerationFinishReason Reason { get; init; }

    /// <summary>The server's word for it.</summary>
    public string RawReason { get; init; } = string.Empty;

    /// <summary>The stop token that ended it (one of the request's, or one of the model's secondary end tokens); null otherwise. 0 is a token.</summary>
    public int? StopTokenId { get; init; }

    /// <summary>The model's end token, where the server names it (inference family); null otherwise.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>The stop string that the server saw; null when none did.</summary>
    public string? StopString { get; init; }

    /// <summary>Number of tokens of this choice, the end token included.</summary>
    public int OutputTokens { get; init; }

    /// <summary>The KV connector's answer, a JSON object; null when there is none.</summary>
    public string? KvTransferParamsJson { get; init; }

    /// <summary>Draft tokens that speculative decoding accepted; 0 when unknown.</summary>
    public int AcceptedDraftTokens { get; init; }

    /// <summary>Draft tokens that speculative decoding proposed; 0 when unknown.</summary>
    public int DraftTokens { get; init; }
}
