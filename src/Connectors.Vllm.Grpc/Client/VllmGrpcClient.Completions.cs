using System.Runtime.CompilerServices;
using System.Text.Json;
using Connectors.Vllm.Tokenizers;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

// Completions of prompts given as text or ids. The client decodes the ids with the model's tokenizer; if the server cannot send the tokenizer
// (Inference protocol), the client requests the server's text instead.
public sealed partial class VllmGrpcClient
{
    /// <summary>Completes a text prompt and returns the whole result. The server tokenizes the prompt and adds its special tokens.</summary>
    public Task<CompletionResult> CompleteAsync(string prompt, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        CompleteAsync(ForText(prompt, sampling), cancellationToken);

    /// <summary>Completes a prompt of token ids and returns the whole result.</summary>
    public Task<CompletionResult> CompleteAsync(
        ReadOnlyMemory<int> promptIds, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        CompleteAsync(ForIds(promptIds, sampling), cancellationToken);

    /// <summary>
    /// Completes a request and returns the whole result. If it fails midway, <see cref="VllmException.PartialCompletion"/> holds what was received.
    /// An answer under a JSON constraint that finishes but is not valid JSON throws <see cref="VllmConstraintException"/>.
    /// </summary>
    public async Task<CompletionResult> CompleteAsync(GenerationRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var collector = new CompletionCollector(request.RequestId ?? GenerationRequest.NewRequestId());
        try
        {
            var sent = request with { RequestId = collector.RequestId };
            await foreach (var update in CompleteStreamingAsync(sent, cancellationToken).ConfigureAwait(false))
            {
                collector.Add(update);
            }

            var result = collector.ToResult();
            CheckJson(request, result);
            return result;
        }
        catch (VllmException exception)
        {
            exception.PartialCompletion ??= collector.HasUpdates ? collector.ToResult() : null;
            throw;
        }
    }

    /// <summary>Completes a text prompt and streams the answer.</summary>
    public IAsyncEnumerable<GenerationUpdate> CompleteStreamingAsync(
        string prompt, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        CompleteStreamingAsync(ForText(prompt, sampling), cancellationToken);

    /// <summary>Completes a prompt of token ids and streams the answer.</summary>
    public IAsyncEnumerable<GenerationUpdate> CompleteStreamingAsync(
        ReadOnlyMemory<int> promptIds, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        CompleteStreamingAsync(ForIds(promptIds, sampling), cancellationToken);

    /// <summary>Completes a request and streams the answer. Ending the enumeration early aborts the request on the server.</summary>
    public async IAsyncEnumerable<GenerationUpdate> CompleteStreamingAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var (texts, updates, more) = await BeginAsync(request, cancellationToken).ConfigureAwait(false);
        await using var closing = updates.ConfigureAwait(false);
        var unfinished = texts.Length;
        for (; more; more = await updates.MoveNextAsync().ConfigureAwait(false))
        {
            var update = updates.Current;
            var choice = texts[update.Index];
            if (choice.IsFinished)
            {
                continue;
            }

            // After the client has found a stop string, the next message must end the choice; if it does not, the server has missed the stop. A
            // choice whose stop strings were not sent to the server ends at once.
            var missed = choice.StopString is not null && update.Finish is null && !update.TokenIds.IsEmpty;
            var text = missed ? string.Empty : choice.Push(update);
            var ended = missed || (update.StopStringsOmitted && choice.StopString is not null);
            if (update.Finish is not null || ended)
            {
                text += choice.Finish();
                unfinished--;
            }

            yield return new GenerationUpdate
            {
                Index = update.Index,
                Text = text,
                TokenIds = missed ? default : update.TokenIds,
                Logprobs = missed ? null : update.Logprobs,
                PromptLogprobs = update.PromptLogprobs,
                PromptTokens = update.PromptTokens,
                CachedTokens = update.CachedTokens,
                Finish = GetFinish(update, choice),
            };
            if (ended && unfinished == 0)
            {
                yield break;
            }
        }
    }

    /// <summary>The blocking form of <see cref="CompleteAsync(string, SamplingOptions?, CancellationToken)"/>.</summary>
    public CompletionResult Complete(string prompt, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        Complete(ForText(prompt, sampling), cancellationToken);

    /// <summary>The blocking form of <see cref="CompleteAsync(ReadOnlyMemory{int}, SamplingOptions?, CancellationToken)"/>.</summary>
    public CompletionResult Complete(
        ReadOnlyMemory<int> promptIds, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        Complete(ForIds(promptIds, sampling), cancellationToken);

    /// <summary>The blocking form of <see cref="CompleteAsync(GenerationRequest, CancellationToken)"/>.</summary>
    public CompletionResult Complete(GenerationRequest request, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => CompleteAsync(request, cancellationToken));

    /// <summary>The blocking form of <see cref="CompleteStreamingAsync(string, SamplingOptions?, CancellationToken)"/>.</summary>
    public IEnumerable<GenerationUpdate> CompleteStreaming(
        string prompt, SamplingOptions? sampling = null, CancellationToken cancellationToken = default) =>
        CompleteStreaming(ForText(prompt, sampling), cancellationToken);

    /// <summary>
    /// The blocking form of <see cref="CompleteStreamingAsync(GenerationRequest, CancellationToken)"/>: each step blocks until the next update
    /// arrives.
    /// </summary>
    public IEnumerable<GenerationUpdate> CompleteStreaming(GenerationRequest request, CancellationToken cancellationToken = default) =>
        Blocking.Run(CompleteStreamingAsync(request, cancellationToken), cancellationToken);

    /// <summary>
    /// Sends the request and waits for the first tokens. If the server now serves another model, nothing is sent and the tokenizer is loaded again.
    /// </summary>
    private Task<(ChoiceText[] Texts, IAsyncEnumerator<GenerationUpdate> Updates, bool HasUpdate)> BeginAsync(
        GenerationRequest request, CancellationToken cancellationToken) => _tokenizer.UseAsync(
            async (known, token) =>
            {
                var texts = new ChoiceText[Math.Max(request.Sampling.ChoiceCount ?? 1, 1)];
                for (var i = 0; i < texts.Length; i++)
                {
                    texts[i] = new ChoiceText(request, known.Model, known.Tokenizer);
                }

                var sent = await WithIdsAsync(request, known.Tokenizer, token).ConfigureAwait(false) with
                {
                    IncludeServerText = request.IncludeServerText || known.Tokenizer is null,
                    PreparedFor = request.PreparedFor ?? known.Model,
                    VocabularySize = request.VocabularySize ?? known.Tokenizer?.MaxTokenId + 1,
                };
                var updates = Engine.GenerateAsync(sent, token).GetAsyncEnumerator(token);
                try
                {
                    return (texts, updates, await updates.MoveNextAsync().ConfigureAwait(false));
                }
                catch
                {
                    await updates.DisposeAsync().ConfigureAwait(false);
                    throw;
                }
            },
            isText: request.PromptText is not null,
            cancellationToken);

    /// <summary>The Rust servicer accepts no text; with a tokenizer, the client encodes the prompt as the other servers would.</summary>
    private async ValueTask<GenerationRequest> WithIdsAsync(
        GenerationRequest request, VllmTokenizer? tokenizer, CancellationToken cancellationToken) =>
        request.PromptText is not { } text || tokenizer is null
        || (await Engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false)).TextPrompts
            ? request
            : request with { PromptText = null, PromptIds = tokenizer.Encode(text, addSpecialTokens: true, cancellationToken) };

    private static GenerationRequest ForText(string prompt, SamplingOptions? sampling)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return new() { PromptText = prompt, Sampling = sampling ?? SamplingOptions.Default };
    }

    private static GenerationRequest ForIds(ReadOnlyMemory<int> promptIds, SamplingOptions? sampling) =>
        new() { PromptIds = promptIds, Sampling = sampling ?? SamplingOptions.Default };

    private static GenerationFinish? GetFinish(GenerationUpdate update, ChoiceText choice) => choice switch
    {
        { IsFinished: false } => null,
        { StopString: { } stop } => (update.Finish ?? new GenerationFinish { RawReason = "stop" }) with
        {
            Reason = GenerationFinishReason.Stop,
            StopString = stop,
        },
        _ => update.Finish,
    };

    private static void CheckJson(GenerationRequest request, CompletionResult result)
    {
        if (request.Constraint is not { Kind: OutputConstraintKind.JsonSchema or OutputConstraintKind.JsonObject } constraint)
        {
            return;
        }

        foreach (var choice in result.Choices.Where(static choice => choice.Finish is { Reason: GenerationFinishReason.Stop, StopString: null }))
        {
            try
            {
                using var document = JsonDocument.Parse(choice.Text, new JsonDocumentOptions { MaxDepth = 512 });
            }
            catch (JsonException exception)
            {
                throw new VllmConstraintException(
                    $"The answer is not JSON although the constraint ({constraint}) requires it. A server with a reasoning parser applies "
                    + $"constraints only after the end of the reasoning: {exception.Message}", exception)
                {
                    Constraint = constraint,
                    StatusCode = StatusCode.FailedPrecondition,
                    RequestId = result.RequestId,
                };
            }
        }
    }
}
