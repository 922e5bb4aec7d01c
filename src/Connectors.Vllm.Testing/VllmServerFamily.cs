namespace Connectors.Vllm.Testing;

/// <summary>Which of vLLM's two gRPC protocols a <see cref="VllmTestServer"/> speaks.</summary>
public enum VllmServerFamily
{
    /// <summary><c>vllm.grpc.engine.VllmEngine</c>: what <c>vllm serve MODEL --grpc</c> listens with.</summary>
    A,

    /// <summary><c>vllm.Inference</c> and <c>vllm.Control</c>: the Rust listener behind <c>--grpc-port</c>.</summary>
    B,
}
