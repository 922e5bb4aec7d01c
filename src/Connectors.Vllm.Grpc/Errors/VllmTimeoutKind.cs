namespace Connectors.Vllm.Grpc;

/// <summary>The limits that a <see cref="VllmTimeoutException"/> can stem from.</summary>
public enum VllmTimeoutKind
{
    /// <summary><see cref="VllmConnectionOptions.ConnectTimeout"/>.</summary>
    Connect = 0,

    /// <summary><see cref="VllmConnectionOptions.FirstTokenTimeout"/>.</summary>
    FirstToken = 1,

    /// <summary><see cref="VllmConnectionOptions.BetweenTokensTimeout"/>.</summary>
    BetweenTokens = 2,

    /// <summary><see cref="VllmConnectionOptions.CallTimeout"/> or <see cref="VllmConnectionOptions.GenerationTimeout"/>.</summary>
    Call = 3,
}
