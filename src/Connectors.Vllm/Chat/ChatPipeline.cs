using System.Runtime.CompilerServices;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;
using Grpc.Core;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// The steps of a chat request. Steps 1 to 4 (<see cref="Prepare"/>) are pure and need no server; steps 5 to 8 (<see cref="RunAsync"/>) are the
/// answer. A non-streaming response is this stream, collected.
/// </summary>
internal sealed class ChatPipeline(VllmModelProfile profile, VllmGrpcOptions settings, ILogger logger)
{
    /// <summary>Prepares a conversation, or a text to be continued.</summary>
    /// <exception cref="VllmRequestException">The request cannot be prepared as it is: the template refuses it, or names in it are
    /// unknown.</exception>
    public PreparedChat Prepare(ChatRequest request, CancellationToken cancellationToken = default)
    {
        try
        {
            return request.Text is { } text
                ? PrepareCompletion(text, request, cancellationToken)
                : PrepareChat(request, cancellationToken);
        }
        catch (Exception exception) when (exception is ChatTemplateException or OutputFormatException or TokenizerException)
        {
            // Exceptions of the underlying packages are wrapped, so that callers can catch a single type.
            throw new VllmRequestException(exception.Message, exception) { StatusCode = StatusCode.InvalidArgument };
        }
    }

    private PreparedChat PrepareChat(ChatRequest chatRequest, CancellationToken cancellationToken)
    {
        using var span = VllmTelemetry.Source.StartActivity("vllm.prepare");
        var started = TimeProvider.System.GetTimestamp();

        // 1. Messages and options become template variables and the media list.
        var context = CreateContext(chatRequest);
        var (options, extras) = (context.Options, context.Extras);
        var tools = RequestTools.From(options, chatRequest.Messages, logger);
        var renderer = profile.RendererFor(tools.ForTemplate is not null, extras.Get(VllmOptions.ChatTemplate));
        context = context with { Tools = tools, Variables = TemplateVariables.From(options, extras, settings, renderer.Traits) };

        // 2. The chat template renders the prompt, with the ranges that came from message content.
        var prompt = new PromptWriter(context, renderer).Write(chatRequest.Messages, context.Answer.Instructions(options, settings));

        // 3. The tokenizer encodes it. Control tokens in content remain text; there must be as many anchors as media items.
        var ids = PromptEncoder.Encode(profile, settings, prompt, extras, cancellationToken);

        // 4. Options become sampling parameters and a constraint.
        var plan = ConstraintPlan.For(context, prompt);
        var request = RequestBuilder.Build(context, ids, prompt.Media, plan);

        VllmTelemetry.PrepareSeconds.Record(TimeProvider.System.GetElapsedTime(started).TotalSeconds);
        span?.SetTag("vllm.prompt_tokens", ids.Length);
        Log.RequestPrepared(logger, request.RequestId!, ids.Length, request.Sampling.MaxTokens);
        Log.Prompt(logger, request.RequestId!, prompt.Text);
        return new PreparedChat
        {
            Prompt = prompt.Text,
            Content = prompt.Content,
            Request = request,
            Format = plan.Format,
            ParserOptions = plan.ParserOptions(context, prompt),
            Check = plan.Check,
            ModelId = request.LoraName ?? request.Model ?? profile.ModelId,
            DropReasoning = options?.Reasoning?.Output == ReasoningOutput.None,
            ReturnTokenIds = extras.Get(VllmOptions.ReturnTokenIds) == true,
        };
    }

    /// <summary>Prepares a text to be continued: only steps 3 and 4, and the answer is plain text.</summary>
    private PreparedChat PrepareCompletion(string text, ChatRequest chatRequest, CancellationToken cancellationToken)
    {
        var context = CreateContext(chatRequest);
        var prompt = new ChatPrompt(text, [], [], [], new HashSet<string>());
        var ids = PromptEncoder.EncodeRaw(profile, text, cancellationToken);
        var plan = ConstraintPlan.ForText(context);
        var request = RequestBuilder.Build(context, ids, [], plan);
        return new PreparedChat
        {
            Prompt = text,
            Content = [],
            Request = request,
            Format = plan.Format,
            ParserOptions = plan.ParserOptions(context, prompt),
            Check = plan.Check,
            ModelId = request.LoraName ?? request.Model ?? profile.ModelId,
            ReturnTokenIds = context.Extras.Get(VllmOptions.ReturnTokenIds) == true,
        };
    }

    private ChatContext CreateContext(ChatRequest chatRequest)
    {
        var options = ChatOptionNames.Fill(chatRequest.Options);
        var extras = VllmExtras.Read(options?.AdditionalProperties);
        return new ChatContext(profile, settings, options, extras, chatRequest.Client, logger)
        {
            Answer = AnswerRequest.From(options, extras, logger),
            Adapter = chatRequest.Adapter,
        };
    }

    /// <summary>
    /// Waits for the profile, prepares the request with it, and streams the answer. This is a single iterator because every additional one would add
    /// a cost per token.
    /// </summary>
    /// <param name="runtime">The served model.</param>
    /// <param name="request">The request.</param>
    /// <param name="disposed">Ends the answer with <see cref="ObjectDisposedException"/> when the client is disposed.</param>
    /// <param name="cancellationToken">Ends the answer with <see cref="OperationCanceledException"/>.</param>
    public static async IAsyncEnumerable<ChatResponseUpdate> RunAsync(
        VllmRuntime runtime, ChatRequest request, CancellationToken disposed, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, disposed);
        ChatAnswer answer;
        IAsyncEnumerator<GenerationUpdate> updates;
        bool more;
        try
        {
            (answer, updates, more) = await BeginAsync(runtime, request, stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            throw TranslateCancellation(exception);
        }

        var reading = false;
        try
        {
            // 5. The engine streams token ids; leaving the loop early aborts the request on the server.
            while (more)
            {
                // 6 and 7. Ids are decoded to text that never splits a character, and text is parsed to events; stop strings end the answer.
                reading = true;
                answer.Read(updates.Current);

                // 8. Events become updates.
                while (answer.TryTake(out var ready))
                {
                    yield return ready;
                }

                if (answer.IsComplete)
                {
                    break;
                }

                reading = false;
                try
                {
                    more = await updates.MoveNextAsync().ConfigureAwait(false);
                }
                catch (OperationCanceledException exception)
                {
                    throw TranslateCancellation(exception);
                }
                catch (VllmConstraintException exception) when (answer.TryEndAsComplete(exception, runtime.Logger))
                {
                    more = false;
                }
                catch (VllmException exception)
                {
                    exception.PartialCompletion ??= answer.ToPartial();
                    throw;
                }
            }

            reading = false;
            answer.End();
            while (answer.TryTake(out var ready))
            {
                yield return ready;
            }
        }
        finally
        {
            await updates.DisposeAsync().ConfigureAwait(false);
            answer.Report(abandoned: reading || stop.IsCancellationRequested, runtime.Logger);
        }

        // The caller's cancellation carries the caller's token; otherwise the client or its engine was disposed.
        Exception TranslateCancellation(OperationCanceledException exception) =>
            cancellationToken.IsCancellationRequested ? new OperationCanceledException(exception.Message, exception, cancellationToken)
            : disposed.IsCancellationRequested || runtime.IsDisposed
                ? new ObjectDisposedException("VllmChatClient", "The client was disposed while the call was running.")
            : exception;
    }

    /// <summary>
    /// Gets the loaded LoRA adapter that the options name as their model. Adapters can be loaded and unloaded at any time, so the server is queried
    /// each time.
    /// </summary>
    private static async ValueTask<string?> FindAdapterAsync(
        IVllmEngine engine, VllmModelProfile profile, ChatOptions? options, CancellationToken cancellationToken)
    {
        if (options?.ModelId is not { } name || !profile.Capabilities.Lora || RequestBuilder.Serves(profile, name))
        {
            return null;
        }

        var adapters = await engine.ListLorasAsync(cancellationToken).ConfigureAwait(false);
        return adapters.Contains(name, StringComparer.Ordinal) ? name : null;
    }

    /// <summary>
    /// Prepares the request and waits for the first tokens of its answer. If the server was restarted with another model, the prompt is not sent: the
    /// profile is loaded again and the request is prepared again.
    /// </summary>
    private static Task<(ChatAnswer Answer, IAsyncEnumerator<GenerationUpdate> Updates, bool HasUpdate)> BeginAsync(
        VllmRuntime runtime, ChatRequest request, CancellationToken cancellationToken) => runtime.UseProfileAsync(
            async (profile, token) =>
            {
                var adapter = await FindAdapterAsync(runtime.Engine, profile, request.Options, token).ConfigureAwait(false);
                var chat = new ChatPipeline(profile, runtime.Options, runtime.Logger).Prepare(request with { Adapter = adapter }, token);
                var answer = new ChatAnswer(chat, profile);
                var updates = runtime.Engine.GenerateAsync(chat.Request, token).GetAsyncEnumerator(token);
                try
                {
                    return (answer, updates, await updates.MoveNextAsync().ConfigureAwait(false));
                }
                catch (Exception exception)
                {
                    await updates.DisposeAsync().ConfigureAwait(false);
                    if (exception is not VllmModelChangedException)
                    {
                        answer.Report(abandoned: token.IsCancellationRequested, runtime.Logger);
                    }

                    throw;
                }
            },
            cancellationToken);
}

/// <summary>A caller's request: a conversation, or a text to be continued.</summary>
/// <param name="Messages">The conversation; empty for a text.</param>
/// <param name="Text">The text; null for a conversation.</param>
/// <param name="Options">The caller's options.</param>
/// <param name="Client">The client, for factories in the options; null for a preview without one.</param>
internal sealed record ChatRequest(IReadOnlyList<ChatMessage> Messages, string? Text, ChatOptions? Options, IChatClient? Client)
{
    /// <summary>The loaded LoRA adapter that the options name as their model; null if they name none.</summary>
    public string? Adapter { get; init; }
}

/// <summary>The context of a request: its options, and the model and settings for which it is prepared.</summary>
/// <param name="Profile">The served model.</param>
/// <param name="Settings">The client's options.</param>
/// <param name="Options">The caller's options.</param>
/// <param name="Extras">vLLM's own parameters in the options.</param>
/// <param name="Client">The client; null for a preview.</param>
/// <param name="Logger">The client's logger.</param>
internal sealed record ChatContext(
    VllmModelProfile Profile, VllmGrpcOptions Settings, ChatOptions? Options, VllmExtras Extras, IChatClient? Client, ILogger Logger)
{
    /// <summary>The tools, for the template and the parser.</summary>
    public RequestTools Tools { get; init; } = RequestTools.None;

    /// <summary>The constraint requested for the answer.</summary>
    public required AnswerRequest Answer { get; init; }

    /// <summary>The additional variables of the template.</summary>
    public TemplateVariables Variables { get; init; } = new([], null);

    /// <summary>The loaded LoRA adapter that <see cref="ChatOptions.ModelId"/> names; null if it names none.</summary>
    public string? Adapter { get; init; }
}

/// <summary>A request that is ready to be sent, with everything that is needed to read the answer. Immutable.</summary>
internal sealed record PreparedChat
{
    public required string Prompt { get; init; }

    public required IReadOnlyList<Range> Content { get; init; }

    public required GenerationRequest Request { get; init; }

    /// <summary>The options of the parser of each choice.</summary>
    public required OutputParserOptions ParserOptions { get; init; }

    public required OutputFormat Format { get; init; }

    public required string ModelId { get; init; }

    /// <summary>The check of the complete answer; null if there is no constraint.</summary>
    public AnswerCheck? Check { get; init; }

    public bool DropReasoning { get; init; }

    public bool ReturnTokenIds { get; init; }

    public string RequestId => Request.RequestId!;

    public int ChoiceCount => Request.Sampling.ChoiceCount ?? 1;
}
