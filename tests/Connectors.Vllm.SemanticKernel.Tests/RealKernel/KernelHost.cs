using Connectors.Vllm.Testing;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel.Tests.RealKernel;

/// <summary>A kernel of the real Semantic Kernel package on a test server, over a real socket.</summary>
internal sealed class KernelHost : IAsyncDisposable
{
    private KernelHost(VllmEmulator server, Kernel kernel)
    {
        Server = server;
        Kernel = kernel;
    }

    public VllmEmulator Server { get; }

    public Kernel Kernel { get; }

    /// <summary>The prompts the model saw, oldest first, with their control tokens.</summary>
    public IReadOnlyList<string> Prompts => [.. PromptIds.Select(ids => Server.Tokenizer.Decode([.. ids], skipSpecialTokens: false))];

    public IReadOnlyList<IReadOnlyList<int>> PromptIds =>
        [.. Requests.Select(request => request.PromptIds!)];

    /// <summary>The generations the server was asked for, oldest first.</summary>
    public IReadOnlyList<CapturedRequest> Requests =>
        [.. Server.Requests.Where(request => request.Method.Contains("/Generate", StringComparison.Ordinal))];

    public static async Task<KernelHost> StartAsync(
        EmulatedServer protocol, Action<IKernelBuilder, VllmEmulator>? register = null, Action<VllmEmulatorOptions>? configure = null)
    {
        var options = new VllmEmulatorOptions { Server = protocol };
        configure?.Invoke(options);
        var server = await VllmEmulator.StartAsync(options, TestContext.Current.CancellationToken);
        var builder = Kernel.CreateBuilder();
        if (register is null)
        {
            builder.AddVllmGrpc(server.Endpoint, configure: Configure);
        }
        else
        {
            register(builder, server);
        }

        return new KernelHost(server, builder.Build());
    }

    /// <summary>The model's files from this repository: the Inference protocol cannot send them, and tests download nothing.</summary>
    public static void Configure(VllmGrpcOptions options)
    {
        options.ModelDirectory = Path.Combine(TestPaths.RepositoryRoot, "src", "Connectors.Vllm.Testing", "TinyModel");
        options.ToolCallParser = "hermes";
    }

    public async ValueTask DisposeAsync()
    {
        await ((IAsyncDisposable)Kernel.Services).DisposeAsync();
        await Server.DisposeAsync();
    }
}
