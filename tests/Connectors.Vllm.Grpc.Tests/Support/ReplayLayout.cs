namespace Connectors.Vllm.Grpc.Tests;

/// <summary>How a replayed answer is laid out in DATA frames.</summary>
public enum ReplayLayout
{
    /// <summary>One message per frame.</summary>
    Whole,

    /// <summary>All messages in one frame.</summary>
    Together,

    /// <summary>One byte per frame.</summary>
    SingleBytes,
}
