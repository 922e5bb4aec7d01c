using Connectors.Vllm;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.SemanticKernel;
#pragma warning restore IDE0130

/// <summary>Registers Semantic Kernel services for a vLLM server in a kernel.</summary>
public static class VllmKernelBuilderExtensions
{
    /// <summary>Registers chat completion, with Semantic Kernel's function invocation around the client.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelId">The model's name for service selection; null takes the server's model.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Further options.</param>
    /// <returns>The kernel.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVllmGrpcChatCompletion(endpoint, modelId, serviceId, configure);
        return builder;
    }

    /// <summary>Registers raw text generation; register chat completion as well, unless prompts are meant to be raw.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelId">The model's name for service selection; null takes the server's model.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Further options.</param>
    /// <returns>The kernel.</returns>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVllmGrpcTextGeneration(endpoint, modelId, serviceId, configure);
        return builder;
    }

    /// <summary>Registers chat completion and text generation on one connection.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelId">The model's name for service selection; null takes the server's model.</param>
    /// <param name="serviceId">Key of the registrations; null registers without a key.</param>
    /// <param name="configure">Further options.</param>
    /// <returns>The kernel.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddVllmGrpc(endpoint, modelId, serviceId, configure);
        return builder;
    }
}
