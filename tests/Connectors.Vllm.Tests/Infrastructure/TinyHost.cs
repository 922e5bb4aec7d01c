using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests;

/// <summary>A server of the small built-in model that answers everything with one word; shared by the tests of a class.</summary>
public sealed class TinyHost : IAsyncLifetime
{
    internal ChatHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Host = await ChatHost.StartAsync();
        Host.Server.Reply("ok");
    }

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
