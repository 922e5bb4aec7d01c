using Microsoft.Extensions.Hosting;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>A host lifetime that listens to no signals: the embedding program decides when the server ends.</summary>
internal sealed class EmbeddedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
