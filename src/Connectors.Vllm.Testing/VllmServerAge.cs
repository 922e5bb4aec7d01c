namespace Connectors.Vllm.Testing;

/// <summary>Which age of its protocol family a <see cref="VllmTestServer"/> plays.</summary>
public enum VllmServerAge
{
    /// <summary>Family A as first shipped: six calls, no logprobs, no <c>index</c>, no model facts beyond the first five.</summary>
    A0,

    /// <summary>Family A with logprobs, n above 1, GetTokenizer, GetLoads and SubscribeKvEvents.</summary>
    A1,

    /// <summary>Family A with FlushCache and media references.</summary>
    A2,

    /// <summary>Family A of today (vLLM 0.32): reasoning and media facts in GetServerInfo.</summary>
    A3,

    /// <summary>Family B under its first name, <c>vllm.Generate</c>, without Control.</summary>
    B0,

    /// <summary>Family B of today: <c>vllm.Inference</c>, <c>vllm.Control</c> and <c>grpc.health.v1</c>.</summary>
    B1,
}
