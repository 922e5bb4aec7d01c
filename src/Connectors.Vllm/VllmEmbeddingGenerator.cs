using System.Globalization;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Shared;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// An embedding generator for a vLLM server that serves an embedding model. VllmEngine protocol only. Texts are tokenized on the client.
/// </summary>
/// <remarks>
/// All members are safe for concurrent use. The texts of one call are sent concurrently, and the server batches them; results keep their order.
/// </remarks>
public sealed class VllmEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>, IAsyncDisposable
{
    /// <summary>The maximum number of concurrent requests of one call: enough to fill a batch, few enough for one connection.</summary>
    private const int MaxParallel = 32;

    private readonly VllmRuntime _runtime;
    private readonly bool _ownsRuntime;
    private EmbeddingGeneratorMetadata? _metadata;
    private int _dimensions;
    private int _disposed;

    /// <summary>Creates a generator for a server.</summary>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public VllmEmbeddingGenerator(string endpoint, ILoggerFactory? loggerFactory = null)
        : this(OptionsFor(EndpointAddress.Parse(endpoint, nameof(endpoint))), loggerFactory)
    {
    }

    /// <summary>Creates a generator for a server.</summary>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public VllmEmbeddingGenerator(Uri endpoint, ILoggerFactory? loggerFactory = null)
        : this(OptionsFor(endpoint), loggerFactory)
    {
    }

    /// <summary>Creates a generator from options.</summary>
    /// <param name="options">The options. They are copied; later changes have no effect.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">An option is invalid; the message names it.</exception>
    public VllmEmbeddingGenerator(VllmGrpcOptions options, ILoggerFactory? loggerFactory = null)
        : this(new VllmRuntime(options ?? throw new ArgumentNullException(nameof(options)), null, loggerFactory), ownsRuntime: true)
    {
    }

    /// <summary>Creates a generator over an existing engine. Disposing the generator does not dispose the engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="options">The options of the model; their addresses are not used. <see langword="null"/> uses the defaults.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">An option is invalid; the message names it.</exception>
    public VllmEmbeddingGenerator(IVllmEngine engine, VllmGrpcOptions? options = null, ILoggerFactory? loggerFactory = null)
        : this(new VllmRuntime(options ?? new VllmGrpcOptions(), engine ?? throw new ArgumentNullException(nameof(engine)), loggerFactory),
            ownsRuntime: true)
    {
    }

    internal VllmEmbeddingGenerator(VllmRuntime runtime, bool ownsRuntime)
    {
        _runtime = runtime;
        _ownsRuntime = ownsRuntime;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A value is <see langword="null"/>.</exception>
    /// <exception cref="NotSupportedException">The options request a dimension that the model does not have.</exception>
    /// <exception cref="VllmException">The server failed, or does not serve an embedding model.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0 || _runtime.IsDisposed, this);
        string[] texts = [.. values];
        var missing = Array.IndexOf(texts, null);
        return missing >= 0
            ? throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The value at index {missing} is null."), nameof(values))
            : GenerateAllAsync(texts, options, cancellationToken);
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? Metadata()
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_runtime.Engine) ? _runtime.Engine
            : serviceType == typeof(VllmModelProfile) ? _runtime.LoadedProfile
            : serviceType == typeof(VllmCapabilities) ? _runtime.LoadedProfile?.Capabilities
            : null;
    }

    /// <summary>
    /// Closes the connections that the generator opened; an engine passed to the generator stays open. May be called more than once.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && _ownsRuntime)
        {
            _runtime.Dispose();
        }
    }

    /// <inheritdoc cref="Dispose"/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && _ownsRuntime)
        {
            await _runtime.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAllAsync(
        string[] texts, EmbeddingGenerationOptions? options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var embeddings = new Embedding<float>[texts.Length];

        // All texts are embedded again if the model changes, because vectors of different models must not be mixed.
        var tokens = texts.Length == 0 ? 0 : await _runtime.UseProfileAsync(
            (profile, token) => EmbedAllAsync(profile, texts, embeddings, options?.Dimensions, token), cancellationToken).ConfigureAwait(false);
        return new GeneratedEmbeddings<Embedding<float>>(embeddings)
        {
            Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens },
        };
    }

    /// <summary>Fills <paramref name="embeddings"/> and returns the number of prompt tokens.</summary>
    private async Task<long> EmbedAllAsync(VllmModelProfile profile, string[] texts, Embedding<float>[] embeddings, int? dimensions,
        CancellationToken cancellationToken)
    {
        long tokens = 0;
        await Parallel.ForAsync(
            0,
            texts.Length,
            new ParallelOptions { MaxDegreeOfParallelism = MaxParallel, CancellationToken = cancellationToken },
            async (i, cancel) =>
            {
                var ids = profile.Tokenizer.Encode(texts[i], addSpecialTokens: true, cancel);
                var result = await _runtime.Engine.EmbedAsync(ids, profile.ModelInfo, cancel).ConfigureAwait(false);
                var vector = Shorten(result.Vector, dimensions, profile);
                Interlocked.Add(ref tokens, result.PromptTokens);
                embeddings[i] = new Embedding<float>(vector) { ModelId = profile.ModelId, CreatedAt = DateTimeOffset.UtcNow };
            }).ConfigureAwait(false);
        return tokens;
    }

    /// <summary>
    /// Truncates a vector of a Matryoshka model and normalizes it, as vLLM's HTTP server does; the gRPC interface cannot request it.
    /// </summary>
    private ReadOnlyMemory<float> Shorten(ReadOnlyMemory<float> vector, int? wanted, VllmModelProfile profile)
    {
        _dimensions = vector.Length;
        if (wanted is not int dimensions || dimensions == vector.Length)
        {
            return vector;
        }

        var config = profile.Config;
        var isAllowed = config.MatryoshkaDimensions.Count == 0 || config.MatryoshkaDimensions.Contains(dimensions);
        if (!config.IsMatryoshka || !isAllowed || dimensions < 1 || dimensions > vector.Length)
        {
            var lengths = !config.IsMatryoshka ? "its config.json does not allow shortening (is_matryoshka, matryoshka_dimensions)"
                : config.MatryoshkaDimensions.Count > 0 ? $"it can be shortened to {string.Join(", ", config.MatryoshkaDimensions)}"
                : "it can be shortened to any smaller number";
            throw new NotSupportedException(string.Create(
                CultureInfo.InvariantCulture,
                $"The model '{profile.ModelId}' returns embeddings with {vector.Length} dimensions, and {dimensions} were requested: {lengths}."));
        }

        var cut = vector[..dimensions].ToArray();
        var length = (float)Math.Sqrt(cut.Sum(static value => (double)value * value));
        for (var i = 0; i < cut.Length && length > 0; i++)
        {
            cut[i] /= length;
        }

        return cut;
    }

    private EmbeddingGeneratorMetadata Metadata()
    {
        int? dimensions = _dimensions > 0 ? _dimensions : null;
        var model = _runtime.DefaultModelId;
        var known = _metadata;
        if (known is null || known.DefaultModelId != model || known.DefaultModelDimensions != dimensions)
        {
            _metadata = known = new EmbeddingGeneratorMetadata("vllm", _runtime.Engine.Endpoint, model, dimensions);
        }

        return known;
    }

    private static VllmGrpcOptions OptionsFor(Uri endpoint) => new() { Endpoint = endpoint ?? throw new ArgumentNullException(nameof(endpoint)) };
}
