namespace Connectors.Vllm.Grpc;

/// <summary>The gRPC protocols that vLLM servers speak. They share no bytes; one port speaks one of them.</summary>
public enum VllmProtocol
{
    /// <summary>Ask the server (the default), or not known yet.</summary>
    Auto = 0,

    /// <summary><c>vllm.grpc.engine.VllmEngine</c>: <c>vllm serve --grpc</c>, which replaces the HTTP API of that process.</summary>
    VllmEngine = 1,

    /// <summary><c>vllm.Inference</c> and <c>vllm.Control</c>: the first-party listener beside HTTP, <c>--grpc-port</c>, since vLLM 0.27.</summary>
    Inference = 2,

    /// <summary><c>vllm.Generate</c>: the name of <see cref="Inference"/> in vLLM 0.22 to 0.26, without the control service.</summary>
    LegacyInference = 3,
}
