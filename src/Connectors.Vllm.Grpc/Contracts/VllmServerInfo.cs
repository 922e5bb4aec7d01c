namespace Connectors.Vllm.Grpc;

/// <summary>The server, one shape for both protocols. Null means it does not tell.</summary>
public sealed record VllmServerInfo
{
    /// <summary>vLLM's version, e.g. <c>0.32.0</c>.</summary>
    public string? EngineVersion { get; init; }

    /// <summary>An id of the running instance.</summary>
    public string? InstanceId { get; init; }

    /// <summary>Context length.</summary>
    public int? MaxModelLength { get; init; }

    /// <summary>Tokens per KV cache block: prompts are cached in multiples of it.</summary>
    public int? KvBlockSize { get; init; }

    /// <summary>KV cache blocks.</summary>
    public long? TotalKvBlocks { get; init; }

    /// <summary>Sequences that run at the same time.</summary>
    public long? MaxRunningRequests { get; init; }

    /// <summary>Tokens per scheduler step.</summary>
    public long? MaxBatchedTokens { get; init; }

    /// <summary>Data-parallel ranks.</summary>
    public int? DataParallelSize { get; init; }

    /// <summary>LoRA adapters that can be active at once; 0 is none.</summary>
    public int? MaxLoras { get; init; }

    /// <summary>Data type of the weights, e.g. <c>torch.bfloat16</c>.</summary>
    public string? ModelDataType { get; init; }

    /// <summary>The KV connector's name; empty when none is set up.</summary>
    public string? KvConnector { get; init; }

    /// <summary>The protobuf message.</summary>
    public object? RawRepresentation { get; init; }
}

/// <summary>What a server says about its own health.</summary>
/// <param name="IsHealthy">Whether the engine takes requests.</param>
/// <param name="Message">The server's words, for a log.</param>
public sealed record VllmHealth(bool IsHealthy, string Message)
{
    /// <summary>The server that was asked; <see langword="null"/> when the result does not say.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Why the server could not be asked; <see langword="null"/> when it answered.</summary>
    public VllmException? Exception { get; init; }
}

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
