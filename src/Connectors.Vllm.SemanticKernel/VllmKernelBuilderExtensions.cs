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
    /// Registers everything a kernel can use of a vLLM server, sharing one connection: chat completion, text generation, the chat client with the
    /// kernel's function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, string endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, sharing one connection: chat completion, text generation, the chat client with the
    /// kernel's function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, sharing one connection: chat completion, text generation, the chat client with the
    /// kernel's function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="configure">Configures the options, including the address.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(ServicesOf(builder), serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>
    /// Registers everything a kernel can use of a vLLM server, sharing one connection: chat completion, text generation, the chat client with the
    /// kernel's function invocation, embeddings, token counts and prompt previews.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpc(
        this IKernelBuilder builder, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(ServicesOf(builder), section, serviceId, configure).AddChatCompletion().AddTextGeneration().AddClients();
        return builder;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, string endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="configure">Configures the options, including the address.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(ServicesOf(builder), serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>Registers chat completion. Functions of the kernel are invoked through its filters.</summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcChatCompletion(
        this IKernelBuilder builder, IConfiguration section, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.From(ServicesOf(builder), section, serviceId, configure).AddChatCompletion();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, string endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddTextGeneration();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="modelId">The model's name for service selection; <see langword="null"/> uses the name under which the server serves it.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        KernelServices.At(ServicesOf(builder), endpoint, modelId, serviceId, configure).AddTextGeneration();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="configure">Configures the options, including the address.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <returns>The builder.</returns>
    public static IKernelBuilder AddVllmGrpcTextGeneration(
        this IKernelBuilder builder, Action<VllmGrpcOptions> configure, string? serviceId = null)
    {
        KernelServices.With(ServicesOf(builder), serviceId, configure).AddTextGeneration();
        return builder;
    }

    /// <summary>
    /// Registers raw text generation, which sends prompts to the model without a chat template. Prompt functions prefer chat completion if both are
    /// registered.
    /// </summary>
    /// <param name="builder">The kernel builder.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="serviceId">The service key; <see langword="null"/> registers without a key.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
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
