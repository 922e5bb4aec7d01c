namespace Connectors.Vllm.Tests;

/// <summary>A server of the small real model that the recordings were made with, set up as it was then; shared by the tests of a class.</summary>
public sealed class SmolHost : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private ChatHost? _host;

    internal async Task<ChatHost> GetAsync()
    {
        var folder = TestPaths.RequireCorpus("tokenizers/smollm2-135m-instruct");
        await _gate.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return _host ??= await ChatHost.StartAsync(
                server: options =>
                {
                    options.ModelDirectory = folder;
                    options.ServedModelName = "smol";
                    options.ContextLength = 2048;
                },
                client: options => options.Connection.ApplyModelSamplingDefaults = false);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }

        _gate.Dispose();
    }
}
