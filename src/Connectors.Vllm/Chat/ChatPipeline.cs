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
/// The way of one chat request, top to bottom. Steps 1 to 4 are pure and need no server (<see cref="Prepare"/>); steps 5 to 8 are the answer
/// (<see cref="RunAsync"/>). There is no second path: a whole response is this stream, collected.
/// </summary>
internal sealed class ChatPipeline(VllmModelProfile profile, VllmGrpcOptions settings, ILogger logger)
{
    /// <summary>The prepared request: a conversation, or a text to be continued.</summary>
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
            // Callers catch one kind of exception; the packages below have their own.
            throw new VllmRequestException(exception.Message, exception) { StatusCode = StatusCode.InvalidArgument };
        }
    }

    private PreparedChat PrepareChat(ChatRequest asked, CancellationToken cancellationToken)
    {
        using var span = VllmTelemetry.Source.StartActivity("vllm.prepare");
        var started = TimeProvider.System.GetTimestamp();

        // 1. Messages and options become template variables and the media list.
        var context = ContextOf(asked);
        var (options, extras) = (context.Options, context.Extras);
        var tools = RequestTools.From(options, asked.Messages, logger);
        var renderer = profile.RendererFor(tools.ForTemplate is not null, extras.Get(VllmOptions.ChatTemplate));
        context = context with { Tools = tools, Variables = TemplateVariables.From(options, extras, settings, renderer.Traits) };

        // 2. The chat template prints the prompt, and tells which parts of it came from message content.
        var prompt = new PromptWriter(context, renderer).Write(asked.Messages, context.Answer.Instructions(options, settings));

        // 3. The tokenizer encodes it. Control tokens inside content stay text; there are as many anchors as media items.
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

    /// <summary>A text to be continued as it is: steps 3 and 4 only, and an answer that is all text.</summary>
    private PreparedChat PrepareCompletion(string text, ChatRequest asked, CancellationToken cancellationToken)
    {
        var context = ContextOf(asked);
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

    private ChatContext ContextOf(ChatRequest asked)
    {
        var options = ChatOptionNames.Fill(asked.Options);
        var extras = VllmExtras.Read(options?.AdditionalProperties);
        return new ChatContext(profile, settings, options, extras, asked.Client, logger)
        {
            Answer = AnswerRequest.From(options, extras, logger),
            Adapter = asked.Adapter,
        };
    }

    /// <summary>
    /// The answer: the profile is waited for, the request is prepared with it, and the stream begins. One iterator does it all: each further one
    /// would cost every token.
    /// </summary>
    /// <param name="runtime">The served model.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="disposed">Ends the answer with <see cref="ObjectDisposedException"/>: the client is gone.</param>
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
            throw Ended(exception);
        }

        var reading = false;
        try
        {
            // 5. The engine streams token ids; leaving this loop early aborts the request on the server.
            while (more)
            {
                // 6 and 7. Ids become text that never splits a character, and text becomes events; stop strings are cut here.
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
                    throw Ended(exception);
                }
                catch (VllmConstraintException exception) when (answer.TryEndAsWhole(exception, runtime.Logger))
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

        // The caller's token when it was the caller; else the client or its engine was disposed.
        Exception Ended(OperationCanceledException exception) =>
            cancellationToken.IsCancellationRequested ? new OperationCanceledException(exception.Message, exception, cancellationToken)
            : disposed.IsCancellationRequested || runtime.IsDisposed
                ? new ObjectDisposedException(nameof(VllmChatClient), "The client was disposed while the call was running.")
            : exception;
    }

    /// <summary>The loaded LoRA adapter that the options name as their model. Adapters come and go, so the server is asked each time.</summary>
    private static async ValueTask<string?> AdapterAsync(
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
    /// The prepared request and the first tokens of its answer. A server that was restarted with another model gets nothing of the old prompt: the
    /// profile is loaded anew and the request is prepared again.
    /// </summary>
    private static Task<(ChatAnswer Answer, IAsyncEnumerator<GenerationUpdate> Updates, bool HasUpdate)> BeginAsync(
        VllmRuntime runtime, ChatRequest request, CancellationToken cancellationToken) => runtime.UseProfileAsync(
            async (profile, token) =>
            {
                var adapter = await AdapterAsync(runtime.Engine, profile, request.Options, token).ConfigureAwait(false);
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

/// <summary>What a caller asks: a conversation, or a text to be continued as it is.</summary>
/// <param name="Messages">The conversation; empty for a text.</param>
/// <param name="Text">The text; null for a conversation.</param>
/// <param name="Options">The caller's options.</param>
/// <param name="Client">The client that was asked, for factories in the options; null for a preview without one.</param>
internal sealed record ChatRequest(IReadOnlyList<ChatMessage> Messages, string? Text, ChatOptions? Options, IChatClient? Client)
{
    /// <summary>The loaded LoRA adapter that the options name as their model; null when they name none.</summary>
    public string? Adapter { get; init; }
}

/// <summary>One request on its way to the engine: what was asked, and the model and settings it is made for.</summary>
/// <param name="Profile">The served model.</param>
/// <param name="Settings">The client's options.</param>
/// <param name="Options">The caller's options.</param>
/// <param name="Extras">vLLM's own parameters among them.</param>
/// <param name="Client">The client that was asked; null for a preview.</param>
/// <param name="Logger">The client's log.</param>
internal sealed record ChatContext(
    VllmModelProfile Profile, VllmGrpcOptions Settings, ChatOptions? Options, VllmExtras Extras, IChatClient? Client, ILogger Logger)
{
    /// <summary>The tools, as the template and the parser see them.</summary>
    public RequestTools Tools { get; init; } = RequestTools.None;

    /// <summary>What the answer must look like.</summary>
    public required AnswerRequest Answer { get; init; }

    /// <summary>What the template is told besides messages and tools.</summary>
    public TemplateVariables Variables { get; init; } = new([], null);

    /// <summary>The loaded LoRA adapter that <see cref="ChatOptions.ModelId"/> names; null when it names none.</summary>
    public string? Adapter { get; init; }
}

/// <summary>One request, ready to be sent: what goes to the server, and what is needed to read the answer. Immutable.</summary>
internal sealed record PreparedChat
{
    public required string Prompt { get; init; }

    public required IReadOnlyList<Range> Content { get; init; }

    public required GenerationRequest Request { get; init; }

    /// <summary>How to parse each choice; null for raw completions, whose text is handed out as it is.</summary>
    public required OutputParserOptions ParserOptions { get; init; }

    public required OutputFormat Format { get; init; }

    public required string ModelId { get; init; }

    /// <summary>The constraint on the visible answer, checked when it is complete; null when the answer is free.</summary>
    public AnswerCheck? Check { get; init; }

    public bool DropReasoning { get; init; }

    public bool ReturnTokenIds { get; init; }

    public string RequestId => Request.RequestId!;

    public int ChoiceCount => Request.Sampling.ChoiceCount ?? 1;
}
