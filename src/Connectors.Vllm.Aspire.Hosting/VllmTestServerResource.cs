using Aspire.Hosting.ApplicationModel;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Aspire.Hosting;

/// <summary>
/// The test server as a resource that runs inside the AppHost. Dependents wait for its address as they would for that of a container.
/// </summary>
public sealed class VllmTestServerResource : Resource, IResourceWithConnectionString, IResourceWithWaitSupport
{
    private readonly Action<VllmTestServerOptions>? _configure;
    private readonly TaskCompletionSource<VllmTestServer> _server = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal VllmTestServerResource(string name, Action<VllmTestServerOptions>? configure)
        : base(name)
    {
        _configure = configure;
        Connection = new ConnectionText(this);
    }

    /// <summary>
    /// The connection string: <c>Endpoint=http://host:port;Model=…</c>, with <c>ModelDirectory=…</c> if the protocol does not send the tokenizer;
    /// available once the server is running.
    /// </summary>
    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create($"{Connection}");

    internal Uri? Address => _server.Task.IsCompletedSuccessfully ? _server.Task.Result.Endpoint : null;

    private ConnectionText Connection { get; }

    /// <summary>Starts the server. <see cref="TestServerEnd"/> ends it with the application.</summary>
    internal async Task StartAsync(InitializeResourceEvent context, CancellationToken cancellationToken)
    {
        try
        {
            var options = new VllmTestServerOptions { DelayPerMessage = TimeSpan.FromMilliseconds(10) };
            _configure?.Invoke(options);
            options.ServedModelName ??= TinyModel.Name;
            await context.Eventing.PublishAsync(new BeforeResourceStartedEvent(this, context.Services), cancellationToken).ConfigureAwait(false);
            var server = await VllmTestServer.StartAsync(options, cancellationToken).ConfigureAwait(false);
            Connection.Describe(options);
            if (!_server.TrySetResult(server))
            {
                // The application has ended meanwhile.
                await server.DisposeAsync().ConfigureAwait(false);
                return;
            }

            Log.Listening(context.Logger, server.Endpoint);
            await context.Notifications.PublishUpdateAsync(this, snapshot => snapshot with
            {
                State = KnownResourceStates.Running,
                StartTimeStamp = DateTime.UtcNow,
                Urls = [new UrlSnapshot(VllmLaunch.GrpcEndpoint, server.Endpoint.ToString(), IsInternal: false)],
            }).ConfigureAwait(false);
            await context.Eventing.PublishAsync(new ConnectionStringAvailableEvent(this, context.Services), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _server.TrySetException(exception);
            Log.NotStarted(context.Logger, exception);
            await context.Notifications.PublishUpdateAsync(this, static snapshot => snapshot with { State = KnownResourceStates.FailedToStart })
                .ConfigureAwait(false);
        }
    }

    /// <summary>Ends the server; one that is just starting ends itself.</summary>
    internal async Task StopAsync()
    {
        if (!_server.TrySetCanceled() && _server.Task.IsCompletedSuccessfully)
        {
            var server = await _server.Task.ConfigureAwait(false);
            await server.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The connection string as a value that is there once the server runs.</summary>
    private sealed class ConnectionText(VllmTestServerResource resource) : IValueProvider, IManifestExpressionProvider
    {
        private string? _model;

        public string ValueExpression => $"{{{resource.Name}.connectionString}}";

        public void Describe(VllmTestServerOptions options)
        {
            // The Inference protocol does not send the tokenizer.
            var directory = options.Protocol is VllmProtocol.Auto or VllmProtocol.VllmEngine ? null
                : options.ModelDirectory ?? TinyModel.WriteTo(Directory.CreateTempSubdirectory("vllm-test-server-").FullName);
            _model = $"Model={options.ServedModelName}{(directory is null ? null : $";ModelDirectory={directory}")}";
        }

        public async ValueTask<string?> GetValueAsync(CancellationToken cancellationToken = default)
        {
            var server = await resource._server.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return $"Endpoint={server.Endpoint};{_model}";
        }
    }
}

/// <summary>Ends a test server when everything else of the application has stopped, so that dependents can still use it until then.</summary>
internal sealed class TestServerEnd(VllmTestServerResource resource) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => resource.StopAsync();
}
