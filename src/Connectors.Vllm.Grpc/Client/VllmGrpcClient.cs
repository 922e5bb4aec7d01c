using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The plain client: completions of prompts, embeddings, facts about model and server. Everything exists as an asynchronous and as a
/// blocking method; the blocking ones never need the caller's SynchronizationContext, so they are safe on a UI or test thread. For chats
/// with templates, tools and structured output use the IChatClient of the Connectors.Vllm package. Thread-safe; make one and share it.
/// </summary>
public sealed class VllmGrpcClient : IAsyncDisposable, IDisposable
{
    private readonly bool _ownsEngine;

    /// <summary>
    /// A client for the server that the environment variables <c>VLLM_GRPC_HOST</c> and <c>VLLM_GRPC_PORT</c> name (localhost:9000).
    /// </summary>
    public VllmGrpcClient()
        : this(new VllmConnectionOptions())
    {
    }

    /// <summary>A client for one server, e.g. <c>http://localhost:50051</c>.</summary>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public VllmGrpcClient(string address)
        : this(VllmConnectionOptions.ForEndpoint(address))
    {
    }

    /// <summary>A client with these options.</summary>
    /// <param name="options">Where and how to connect; read now.</param>
    /// <param name="tokenizer">The model's tokenizer; null asks the server for it when it is first needed.</param>
    /// <param name="loggerFactory">For log messages; null logs nothing.</param>
    /// <exception cref="ArgumentException">An address or option is invalid.</exception>
    public VllmGrpcClient(VllmConnectionOptions options, VllmTokenizer? tokenizer = null, ILoggerFactory? loggerFactory = null)
        : this(VllmEngineFactory.Create(options, loggerFactory), tokenizer, ownsEngine: true)
    {
    }

    /// <summary>A client over an engine that exists.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="tokenizer">The model's tokenizer; null asks the server for it when it is first needed.</param>
    /// <param name="ownsEngine">Whether disposing the client disposes the engine.</param>
    public VllmGrpcClient(IVllmEngine engine, VllmTokenizer? tokenizer = null, bool ownsEngine = false)
    {
        ArgumentNullException.ThrowIfNull(engine);
        Engine = engine;
        _ownsEngine = ownsEngine;
        var tokenizers = new ServerTokenizer(engine, tokenizer);
        Completions = new CompletionsResource(engine, tokenizers);
        Embeddings = new EmbeddingsResource(engine, tokenizers);
        Models = new ModelsResource(engine, tokenizers);
        Health = new HealthResource(engine);
    }

    /// <summary>The engine underneath.</summary>
    public IVllmEngine Engine { get; }

    /// <summary>Completions of prompts.</summary>
    public CompletionsResource Completions { get; }

    /// <summary>Embeddings of texts.</summary>
    public EmbeddingsResource Embeddings { get; }

    /// <summary>Facts about the model.</summary>
    public ModelsResource Models { get; }

    /// <summary>Health, load and requests of the server.</summary>
    public HealthResource Health { get; }

    /// <summary>Waits until the server answers and says that it is healthy, asking about twice a second.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="VllmTimeoutException">It was not ready in time; the inner exception is the last failure.</exception>
    public async Task WaitUntilReadyAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        var end = Environment.TickCount64 + (long)Math.Min(timeout.TotalMilliseconds, int.MaxValue);
        while (true)
        {
            VllmException? failure = null;
            var said = "it reports that it is not healthy";
            try
            {
                var health = await Engine.HealthAsync(cancellationToken).ConfigureAwait(false);
                if (health.IsHealthy)
                {
                    return;
                }
            }
            catch (VllmRequestException exception) when (exception.StatusCode == VllmStatusCode.Unimplemented && exception.Method is not null)
            {
                // It speaks our protocol and has no health service: as ready as it can tell.
                return;
            }
            catch (VllmException exception)
            {
                (failure, said) = (exception, exception.Message);
            }

            if (Environment.TickCount64 >= end)
            {
                throw new VllmTimeoutException($"{Engine.Endpoint} was not ready within {timeout.TotalSeconds:0.###} s: {said}", failure)
                {
                    Kind = VllmTimeoutKind.Call,
                    Timeout = timeout,
                    StatusCode = failure?.StatusCode ?? VllmStatusCode.Unavailable,
                    Endpoint = Engine.Endpoint,
                    IsRetryable = true,
                };
            }

            await Task.Delay(500, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The blocking form of <see cref="WaitUntilReadyAsync"/>.</summary>
    /// <exception cref="VllmTimeoutException">It was not ready in time.</exception>
    public void WaitUntilReady(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => WaitUntilReadyAsync(timeout, cancellationToken));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _ownsEngine ? Engine.DisposeAsync() : ValueTask.CompletedTask;

    /// <summary>The blocking form of <see cref="DisposeAsync"/>.</summary>
    public void Dispose() => Blocking.Run(() => DisposeAsync().AsTask());
}
