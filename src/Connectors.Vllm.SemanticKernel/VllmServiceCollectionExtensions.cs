using Connectors.Vllm;
using Connectors.Vllm.SemanticKernel;
using Microsoft.Extensions.Configuration;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Registers Semantic Kernel services for a vLLM server in a service collection.</summary>
public static class VllmSemanticKernelServiceCollectionExtensions
{
    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, string endpoint, string? modelId = null, string? serviceId = null,
        Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options, the address among them.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(services, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>Registers chat completion; functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">A section with the names of <see cref="VllmGrpcOptions"/>, e.g. <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options, after those of the section; null sets none.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(services, section, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, string endpoint, string? modelId = null, string? serviceId = null,
        Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddTextGeneration();
        return services;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; null takes the name the server serves it under.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options; null keeps the defaults.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddTextGeneration();
        return services;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options, the address among them.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(services, serviceId, configure).AddTextGeneration();
        return services;
    }

    /// <summary>
    /// Registers raw text generation: prompts go to the model without a chat template. A prompt function prefers chat completion where both are
    /// registered.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="section">A section with the names of <see cref="VllmGrpcOptions"/>, e.g. <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Sets further options, after those of the section; null sets none.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(services, section, serviceId, configure).AddTextGeneration();
        return services;
    }
}
