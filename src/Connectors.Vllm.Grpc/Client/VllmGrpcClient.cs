using Connectors.Vllm.Tokenizers;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A client for prompts without chat templates: completions, embeddings, and information about the model and the server. Every operation has an
/// asynchronous and a blocking method; the blocking ones never post to the caller's <see cref="SynchronizationContext"/>, so they are safe on a UI
/// thread. For chats with templates, tools and structured output, use the <c>IChatClient</c> of the Connectors.Vllm package. Thread-safe; create one
/// and share it.
/// </summary>
public sealed partial class VllmGrpcClient : IAsyncDisposable, IDisposable
{
    private readonly bool _ownsEngine;
    private readonly ILogger _logger;
    private readonly ServerTokenizer _tokenizer;

    /// <summary>
    /// Creates a client for the server named by the environment variables <c>VLLM_GRPC_HOST</c> and <c>VLLM_GRPC_PORT</c>, by default localhost:9000.
    /// </summary>
    public VllmGrpcClient()
        : this(new VllmConnectionOptions())
    {
    }

    /// <summary>Creates a client for one server, for example <c>http://localhost:50051</c>.</summary>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public VllmGrpcClient(string address)
        : this(VllmConnectionOptions.ForEndpoint(address))
    {
    }

    /// <summary>Creates a client with the given options.</summary>
    /// <param name="options">Where and how to connect. Copied; later changes have no effect.</param>
    /// <param name="tokenizer">The model's tokenizer; <see langword="null"/> fetches it from the server when it is first needed.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">An address or option is invalid.</exception>
    public VllmGrpcClient(VllmConnectionOptions options, VllmTokenizer? tokenizer = null, ILoggerFactory? loggerFactory = null)
        : this(CreateEngine(options, loggerFactory), tokenizer, ownsEngine: true)
    {
    }

    /// <summary>Creates a client over an existing engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="tokenizer">The model's tokenizer; <see langword="null"/> fetches it from the server when it is first needed.</param>
    /// <param name="ownsEngine">Whether disposing the client also disposes the engine.</param>
    public VllmGrpcClient(IVllmEngine engine, VllmTokenizer? tokenizer = null, bool ownsEngine = false)
    {
        ArgumentNullException.ThrowIfNull(engine);
        Engine = engine;
        _ownsEngine = ownsEngine;
        _logger = (engine as ServerPool)?.Logger ?? NullLogger.Instance;
        _tokenizer = new ServerTokenizer(engine, tokenizer);
        Server = new ServerResource(engine, _tokenizer);
    }

    /// <summary>The underlying engine.</summary>
    public IVllmEngine Engine { get; }

    /// <summary>The model, health and load of the server.</summary>
    public ServerResource Server { get; }

    /// <summary>
    /// Creates an engine for the servers in <paramref name="options"/>, without a client. Nothing is sent yet: the first call detects the protocol,
    /// unless the options name it, and it is detected again after a server upgrade. An engine holds connections; create one and share it.
    /// </summary>
    /// <param name="options">Where and how to connect. Copied; later changes have no effect.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">An address or option is invalid.</exception>
    public static IVllmEngine CreateEngine(VllmConnectionOptions options, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new ServerPool(options.Snapshot(), loggerFactory ?? NullLoggerFactory.Instance);
    }

    /// <summary>Creates an engine for one address, for example <c>http://localhost:9000</c>, with default options.</summary>
    /// <param name="address">The server's address.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public static IVllmEngine CreateEngine(string address, ILoggerFactory? loggerFactory = null) =>
        CreateEngine(VllmConnectionOptions.ForEndpoint(address), loggerFactory);

    /// <summary>
    /// Creates an engine over an existing channel, using its handler, interceptors, credentials and limits. Disposing the engine does not dispose the
    /// channel.
    /// </summary>
    /// <param name="channel">The channel.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">The channel's target is not a valid address.</exception>
    public static IVllmEngine CreateEngine(GrpcChannel channel, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(channel);
        var target = channel.Target.Contains("://", StringComparison.Ordinal) ? channel.Target : "http://" + channel.Target;
        var options = new VllmConnectionOptions { CallInvoker = channel.CreateCallInvoker() };
        options.Endpoints.Add(new Uri(target));
        return CreateEngine(options, loggerFactory);
    }

    /// <summary>Waits until the server reports that it is healthy, polling about twice a second.</summary>
    /// <param name="timeout">The maximum time to wait; <see langword="null"/> uses <see cref="VllmRetryOptions.WaitForReady"/> of the
    /// engine's options.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="VllmTimeoutException">The server was not ready in time; the inner exception is the last failure.</exception>
    public async Task WaitUntilReadyAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var limit = timeout ?? (Engine as ServerPool)?.WaitForReady ?? TimeSpan.Zero;
        var started = Environment.TickCount64;
        var nextReport = started;
        var end = started + (long)Math.Min(limit.TotalMilliseconds, int.MaxValue);
        while (true)
        {
            VllmException? failure = null;
            string state;
            try
            {
                var health = await Engine.HealthAsync(cancellationToken).ConfigureAwait(false);
                if (health.IsHealthy)
                {
                    return;
                }

                state = $"its health is '{health.Message}'";
            }
            catch (VllmRequestException exception) when (exception.StatusCode == StatusCode.Unimplemented && exception.Method is not null)
            {
                // The server has no health service, but its answer shows that it is up.
                return;
            }
            catch (VllmException exception)
            {
                (failure, state) = (exception, exception.Message);
            }

            if (Environment.TickCount64 >= end)
            {
                throw new VllmTimeoutException($"{Engine.Endpoint} was not ready within {limit.TotalSeconds:0.###} s: {state}", failure)
                {
                    Kind = VllmTimeoutKind.Call,
                    LimitOption = nameof(VllmRetryOptions.WaitForReady),
                    Timeout = limit,
                    StatusCode = failure?.StatusCode ?? StatusCode.Unavailable,
                    Endpoint = Engine.Endpoint,
                    IsRetryable = true,
                };
            }

            if (Environment.TickCount64 >= nextReport)
            {
                nextReport = Environment.TickCount64 + 10_000;
                Log.NotReady(_logger, Engine.Endpoint, (Environment.TickCount64 - started) / 1_000, state);
            }

            await Task.Delay(500, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The blocking form of <see cref="WaitUntilReadyAsync"/>.</summary>
    /// <exception cref="VllmTimeoutException">The server was not ready in time.</exception>
    public void WaitUntilReady(TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => WaitUntilReadyAsync(timeout, cancellationToken));

    /// <summary>Embeds a text. The client tokenizes it and adds the model's special tokens.</summary>
    public Task<EmbeddingResult> EmbedAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _tokenizer.UseAsync(
            (known, token) => Engine.EmbedAsync(_tokenizer.Require(known).Encode(text, addSpecialTokens: true, token), known.Model, token),
            isText: true,
            cancellationToken);
    }

    /// <summary>Embeds a prompt of token ids.</summary>
    public Task<EmbeddingResult> EmbedAsync(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        Engine.EmbedAsync(promptIds, cancellationToken: cancellationToken);

    /// <summary>The blocking form of <see cref="EmbedAsync(string, CancellationToken)"/>.</summary>
    public EmbeddingResult Embed(string text, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => EmbedAsync(text, cancellationToken));

    /// <summary>The blocking form of <see cref="EmbedAsync(ReadOnlyMemory{int}, CancellationToken)"/>.</summary>
    public EmbeddingResult Embed(ReadOnlyMemory<int> promptIds, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => EmbedAsync(promptIds, cancellationToken));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _ownsEngine ? Engine.DisposeAsync() : ValueTask.CompletedTask;

    /// <summary>The blocking form of <see cref="DisposeAsync"/>.</summary>
    public void Dispose() => Blocking.Run(() => DisposeAsync().AsTask());
}

/// <summary>
/// Waits for asynchronous work on the calling thread. The work starts on the thread pool, where no SynchronizationContext of the caller can be
/// captured, so a single-threaded context cannot deadlock.
/// </summary>
internal static class Blocking
{
    public static void Run(Func<Task> work) => Task.Run(work).GetAwaiter().GetResult();

    public static T Run<T>(Func<Task<T>> work) => Task.Run(work).GetAwaiter().GetResult();

    public static IEnumerable<T> Run<T>(IAsyncEnumerable<T> source, CancellationToken cancellationToken)
    {
        var enumerator = source.GetAsyncEnumerator(cancellationToken);
        try
        {
            while (Run(() => enumerator.MoveNextAsync().AsTask()))
            {
                yield return enumerator.Current;
            }
        }
        finally
        {
            Run(() => enumerator.DisposeAsync().AsTask());
        }
    }
}
