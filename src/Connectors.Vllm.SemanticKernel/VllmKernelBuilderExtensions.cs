using Connectors.Vllm;
using Connectors.Vllm.SemanticKernel;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.SemanticKernel;
#pragma warning restore IDE0130

/// <summary>Registers Semantic Kernel services for a vLLM server in a kernel.</summary>
public static class VllmKernelBuilderExtensions
{
    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, on one connection: chat completion, text generation, the chat client with the kernel's
    /// function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, string endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, on one connection: chat completion, text generation, the chat client with the kernel's
    /// function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, on one connection: chat completion, text generation, the chat client with the kernel's
    /// function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="configure">Sets the options, the address among them.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(ServicesOf(builder), serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, on one connection: chat completion, text generation, the chat client with the kernel's
    /// function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="section">A section with the names of <see cref="VllmGrpcOptions"/>, e.g. <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options, after those of the section; null sets none.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(ServicesOf(builder), section, serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, string endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="configure">Sets the options, the address among them.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(ServicesOf(builder), serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="section">A section with the names of <see cref="VllmGrpcOptions"/>, e.g. <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options, after those of the section; null sets none.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(ServicesOf(builder), section, serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, string endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddTextGeneration();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddTextGeneration();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="configure">Sets the options, the address among them.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(ServicesOf(builder), serviceId, configure).AddTextGeneration();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel's builder.</param>
    /// <param name="section">A section with the names of <see cref="VllmGrpcOptions"/>, e.g. <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options, after those of the section; null sets none.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(ServicesOf(builder), section, serviceId, configure).AddTextGeneration();
        return builder;
    }

    private static IServiceCollection ServicesOf(IKernelBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Services;
    }
}
