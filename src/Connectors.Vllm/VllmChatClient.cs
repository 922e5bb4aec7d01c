using Connectors.Vllm.Grpc;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// A chat client for a vLLM server over gRPC. The client renders and tokenizes the prompt, and decodes and parses the answer, so the server needs no
/// parser flags and sends only token ids.
/// </summary>
/// <remarks>
/// All members are safe for concurrent use. Messages and options are only read. Nothing is sent before the first request, which also loads the
/// model's tokenizer and template (once). Cancellation, and leaving a streaming enumeration early, aborts the request on the server. Every failure of
/// a request is a <see cref="VllmException"/> or one of its derived types; bad arguments are argument exceptions, and cancellation is an <see
/// cref="OperationCanceledException"/> with the caller's token.
/// <para>Services: <see cref="ChatClientMetadata"/>, <see cref="IVllmEngine"/>, <see cref="IVllmTokenCounter"/>
/// and, once the model is known, <see cref="VllmModelProfile"/>, <see cref="VllmCapabilities"/> and <see cref="VllmTokenizer"/>.</para>
/// </remarks>
public sealed class VllmChatClient : IChatClient, IVllmTokenCounter, IAsyncDisposable
{
    private readonly VllmRuntime _runtime;
    private readonly bool _ownsRuntime;
    private readonly CancellationTokenSource _disposing = new();
    private ChatClientMetadata? _metadata;
    private int _disposed;

    /// <summary>Creates a client for a server.</summary>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public VllmChatClient(string endpoint, ILoggerFactory? loggerFactory = null)
        : this(OptionsFor(EndpointAddress.Parse(endpoint, nameof(endpoint))), loggerFactory)
    {
    }

    /// <summary>Creates a client for a server.</summary>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public VllmChatClient(Uri endpoint, ILoggerFactory? loggerFactory = null)
        : this(OptionsFor(endpoint), loggerFactory)
    {
    }

    /// <summary>Creates a client from options.</summary>
    /// <param name="options">The options. They are copied; later changes have no effect.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">An option is invalid; the message names it.</exception>
    public VllmChatClient(VllmGrpcOptions options, ILoggerFactory? loggerFactory = null)
        : this(new VllmRuntime(options ?? throw new ArgumentNullException(nameof(options)), null, loggerFactory), ownsRuntime: true)
    {
    }

    /// <summary>Creates a client over an existing engine. Disposing the client does not dispose the engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="options">The options of the model; their addresses are not used. <see langword="null"/> uses the defaults.</param>
    /// <param name="loggerFactory">The logger factory; <see langword="null"/> disables logging.</param>
    /// <exception cref="ArgumentException">An option is invalid; the message names it.</exception>
    public VllmChatClient(IVllmEngine engine, VllmGrpcOptions? options = null, ILoggerFactory? loggerFactory = null)
        : this(new VllmRuntime(options ?? new VllmGrpcOptions(), engine ?? throw new ArgumentNullException(nameof(engine)), loggerFactory),
            ownsRuntime: true)
    {
    }

    internal VllmChatClient(VllmRuntime runtime, bool ownsRuntime)
    {
        _runtime = runtime;
        _ownsRuntime = ownsRuntime;
    }

    internal VllmGrpcOptions Options => _runtime.Options;

    /// <inheritdoc/>
    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default) =>
        CollectAsync(GetStreamingResponseAsync(messages, options, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ThrowIfDisposed();
        return ChatPipeline.RunAsync(_runtime, new ChatRequest(AsList(messages), null, options, this), _disposing.Token, cancellationToken);
    }

    /// <summary>
    /// Completes a raw prompt, without chat template and without parsing of reasoning or tool calls. For base models and fill-in-the-middle prompts.
    /// </summary>
    /// <param name="prompt">The prompt. The tokenizer adds the model's beginning-of-sequence token if it has one.</param>
    /// <param name="options">Sampling parameters and limits; members that concern messages (tools, reasoning, instructions) are ignored.</param>
    /// <param name="cancellationToken">Aborts the request.</param>
    /// <returns>The updates of the completion, the last with usage and finish reason.</returns>
    public IAsyncEnumerable<ChatResponseUpdate> CompleteStreamingAsync(
        string prompt, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ThrowIfDisposed();
        return ChatPipeline.RunAsync(_runtime, new ChatRequest([], prompt, options, this), _disposing.Token, cancellationToken);
    }

    /// <summary>Gets the model's profile, which the first call loads.</summary>
    /// <param name="cancellationToken">Cancels the wait. The load continues for other callers.</param>
    /// <returns>The profile.</returns>
    /// <exception cref="VllmModelException">No tokenizer was found, or a file of the model is invalid.</exception>
    /// <exception cref="VllmException">The server could not be reached, or refused the request.</exception>
    public ValueTask<VllmModelProfile> GetModelProfileAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _runtime.GetProfileAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<int> CountTokensAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return (await GetModelProfileAsync(cancellationToken).ConfigureAwait(false)).Tokenizer.CountTokens(text);
    }

    /// <inheritdoc/>
    public async ValueTask<int> CountTokensAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default) =>
        (await PreviewPromptAsync(messages, options, cancellationToken).ConfigureAwait(false)).TokenIds.Count;

    /// <summary>Renders and tokenizes a request without sending it: the prompt, its token ids, and the parameters that would be sent.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The request's options; not modified.</param>
    /// <param name="cancellationToken">Cancels the wait for the model's tokenizer and template.</param>
    /// <returns>The prompt with its parameters.</returns>
    /// <exception cref="VllmRequestException">The template refuses the conversation, or an option is not supported.</exception>
    /// <exception cref="VllmModelException">No tokenizer was found, or a file of the model is invalid.</exception>
    public async ValueTask<VllmPromptPreview> PreviewPromptAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var (chat, profile) = await PrepareAsync(messages, options, cancellationToken).ConfigureAwait(false);
        return VllmPromptPreview.Of(chat, profile);
    }

    /// <summary>Prepares a request without sending it, and returns it with the model it was prepared for.</summary>
    internal async ValueTask<(PreparedChat Chat, VllmModelProfile Profile)> PrepareAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        var profile = await GetModelProfileAsync(cancellationToken).ConfigureAwait(false);
        return (new ChatPipeline(profile, _runtime.Options, _runtime.Logger)
            .Prepare(new ChatRequest(AsList(messages), null, options, this), cancellationToken), profile);
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
        {
            return null;
        }

        return serviceType == typeof(ChatClientMetadata) ? Metadata()
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_runtime.Engine) ? _runtime.Engine
            : serviceType == typeof(VllmModelProfile) ? _runtime.LoadedProfile
            : serviceType == typeof(VllmCapabilities) ? _runtime.LoadedProfile?.Capabilities
            : serviceType == typeof(VllmTokenizer) || serviceType == typeof(Microsoft.ML.Tokenizers.Tokenizer) ? _runtime.LoadedProfile?.Tokenizer
            : null;
    }

    /// <summary>
    /// Ends the client's running calls with <see cref="ObjectDisposedException"/> and aborts them on the server, then closes the connections that the
    /// client opened; an engine passed to the client stays open. May be called more than once. Does not block: the aborts are sent in the background,
    /// within <c>Connection.AbortTimeout</c>; <see cref="DisposeAsync"/> waits for them.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _disposing.Cancel();
        if (_ownsRuntime)
        {
            _runtime.Dispose();
        }
    }

    /// <inheritdoc cref="Dispose"/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _disposing.CancelAsync().ConfigureAwait(false);
        if (_ownsRuntime)
        {
            await _runtime.DisposeAsync().ConfigureAwait(false);
        }
    }

    internal static async Task<ChatResponse> CollectAsync(IAsyncEnumerable<ChatResponseUpdate> stream, CancellationToken cancellationToken)
    {
        var updates = new List<ChatResponseUpdate>();
        try
        {
            await foreach (var update in stream.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                updates.Add(update);
            }
        }
        catch (VllmException exception) when (exception.PartialCompletion is { } partial)
        {
            string[] texts = [.. updates.ToChatResponse().Messages.Select(static message => message.Text)];
            exception.PartialCompletion = partial with
            {
                Choices = [.. partial.Choices.Select((choice, index) => choice with { Text = texts.ElementAtOrDefault(index) ?? string.Empty })],
            };
            throw;
        }

        var response = updates.ToChatResponse();
        response.RawRepresentation = updates[^1].RawRepresentation;
        foreach (var message in response.Messages)
        {
            message.RawRepresentation = updates.FindLast(update => update.MessageId == message.MessageId)?.RawRepresentation;
        }

        return response;
    }

    private ChatClientMetadata Metadata()
    {
        var model = _runtime.DefaultModelId;
        var known = _metadata;
        if (known is null || known.DefaultModelId != model)
        {
            _metadata = known = new ChatClientMetadata("vllm", _runtime.Engine.Endpoint, model);
        }

        return known;
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0 || _runtime.IsDisposed, this);

    private static IReadOnlyList<ChatMessage> AsList(IEnumerable<ChatMessage> messages) => messages as IReadOnlyList<ChatMessage> ?? [.. messages];

    private static VllmGrpcOptions OptionsFor(Uri endpoint) => new() { Endpoint = endpoint ?? throw new ArgumentNullException(nameof(endpoint)) };
}
