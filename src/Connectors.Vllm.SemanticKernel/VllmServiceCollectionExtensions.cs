using Connectors.Vllm;
using Connectors.Vllm.SemanticKernel;
using Microsoft.Extensions.Configuration;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Registers Semantic Kernel services for a vLLM server in a service collection.</summary>
public static class VllmSemanticKernelServiceCollectionExtensions
{
    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The service collection.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, string endpoint, string? modelId = null, string? serviceId = null,
        Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The service collection.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="configure">Configures the options, including the address.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <returns>The service collection.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(services, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The service collection.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(services, section, serviceId, configure).AddChatCompletion();
        return services;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The service collection.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, string endpoint, string? modelId = null, string? serviceId = null,
        Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddTextGeneration();
        return services;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The service collection.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(services, endpoint, modelId, serviceId, configure).AddTextGeneration();
        return services;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="services">The service collection.</param>
    /// <param name="configure">Configures the options, including the address.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <returns>The service collection.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(services, serviceId, configure).AddTextGeneration();
        return services;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="services">The service collection.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The service collection.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(services, section, serviceId, configure).AddTextGeneration();
        return services;
    }
}
