namespace Connectors.Vllm.Grpc;

/// <summary>Load of one data-parallel rank. Figures that a server does not fill are 0.</summary>
public sealed record VllmLoad
{
    /// <summary>The rank.</summary>
    public int DataParallelRank { get; init; }

    /// <summary>Requests being generated.</summary>
    public int RunningRequests { get; init; }

    /// <summary>Requests in the queue.</summary>
    public int WaitingRequests { get; init; }

    /// <summary>Tokens in the KV cache.</summary>
    public int UsedTokens { get; init; }

    /// <summary>Tokens the KV cache can hold.</summary>
    public int MaxTokens { get; init; }

    /// <summary>Used share of the KV cache, 0 to 1.</summary>
    public double TokenUsage { get; init; }

    /// <summary>Generated tokens per second.</summary>
    public double GenerationThroughput { get; init; }

    /// <summary>Share of prompt tokens found in the prefix cache, 0 to 1.</summary>
    public double CacheHitRate { get; init; }

    /// <summary>Sequences that run at the same time at most.</summary>
    public int MaxRunningRequests { get; init; }
}
