using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>Runs a request through the scripted engine and yields the content of each message.</summary>
internal sealed class Generator(VllmTokenizer tokenizer, ModelStops stops, TimeSpan delayPerMessage)
{
    /// <summary>Yields all steps of a request, with choices interleaved. An Abort ends each unfinished choice with a step of its own.</summary>
    public async IAsyncEnumerable<SequenceStep> RunAsync(
        GenerationRequest request, ScriptedReply reply, RunningRequest running, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var sequences = new Sequence[request.Choices];
        for (var i = 0; i < sequences.Length; i++)
        {
            sequences[i] = CreateSequence(i, request, Alternative(reply, i));
        }

        var open = sequences.Length;
        var turn = 0;
        for (var messages = 0; open > 0; messages++)
        {
            await PaceAsync(reply, running, messages, cancellationToken).ConfigureAwait(false);
            running.ThrowIfFailed();
            if (running.IsAborted)
            {
                foreach (var sequence in sequences)
                {
                    if (!sequence.IsFinished)
                    {
                        yield return sequence.Abort();
                    }
                }

                yield break;
            }

            var step = Next(sequences, reply.ChoiceOrder, messages, ref turn).Advance();
            running.Captured.CountTokens(step.Ids.Count);
            open -= step.IsLast ? 1 : 0;
            yield return step;
        }
    }

    private static ScriptedReply Alternative(ScriptedReply reply, int index) =>
        index > 0 && reply.Alternatives is { } others && index <= others.Count ? others[index - 1] : reply;

    private static Sequence Next(Sequence[] sequences, IReadOnlyList<int>? order, int message, ref int turn)
    {
        if (order is not null && message < order.Count && !sequences[order[message]].IsFinished)
        {
            return sequences[order[message]];
        }

        while (sequences[turn % sequences.Length].IsFinished)
        {
            turn++;
        }

        return sequences[turn++ % sequences.Length];
    }

    private Sequence CreateSequence(int index, GenerationRequest request, ScriptedReply reply)
    {
        var script = reply.Ids ?? (IEnumerable<int>)tokenizer.Encode(reply.Text ?? "");
        var ids = script.ToArray();
        if (stops.Eos >= 0 && reply.EndWithEos && reply.FinishReason is null && !request.IgnoreEos && (ids.Length == 0 || ids[^1] != stops.Eos))
        {
            ids = [.. ids, stops.Eos];
        }

        var text = request.NeedsText || request.StopStrings.Count > 0
            ? new StopText(tokenizer.CreateStreamDecoder(request.SkipSpecialTokens, request.PromptIds), request.StopStrings, request.IncludeStop)
            : null;
        return new Sequence(index, request, reply, ids, stops, text);
    }

    private async ValueTask PaceAsync(ScriptedReply reply, RunningRequest running, int messages, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (reply.Hold is { IsCompleted: false } hold && messages == reply.HoldAfterMessages)
        {
            await running.WaitAsync(hold, cancellationToken).ConfigureAwait(false);
        }

        var delay = messages == 0 && reply.DelayBeforeFirstToken > TimeSpan.Zero ? reply.DelayBeforeFirstToken
            : reply.DelayPerMessage > TimeSpan.Zero ? reply.DelayPerMessage : delayPerMessage;
        if (delay > TimeSpan.Zero)
        {
            await running.WaitAsync(Task.Delay(delay, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
    }
}

/// <summary>Provides log probabilities: scripted ones, or otherwise plausible ones that depend only on the position and the token.</summary>
internal sealed class LogprobSource(IReadOnlyList<TokenLogprob>? scripted, int vocabulary)
{
    private const int Candidates = 20;

    public TokenLogprob At(int position, int token)
    {
        if (scripted is not null && position < scripted.Count)
        {
            return scripted[position];
        }

        var own = -0.05f - ((position * 7 + token) % 16 * 0.02f);
        var best = new TokenLogprob[Math.Min(Candidates, vocabulary)];
        best[0] = new TokenLogprob(token, own, 1);
        for (var i = 1; i < best.Length; i++)
        {
            best[i] = new TokenLogprob((int)(((long)token + (i * 31)) % vocabulary), own - 2f - (i * 0.5f), i + 1);
        }

        return new TokenLogprob(token, own, 1) { Alternatives = best };
    }

    /// <summary>Gets the log probability of another token at a position: that of the candidate, or otherwise a plausible low one.</summary>
    public static TokenLogprob Of(TokenLogprob entry, int token) =>
        token == entry.TokenId ? entry
        : entry.Alternatives.FirstOrDefault(candidate => candidate.TokenId == token)
            ?? new TokenLogprob(token, -14f - (token % 16 * 0.1f), Candidates + 1 + (token % 1000));
}

/// <summary>The source of replies: first the queue, then the responder, then the demonstration model (null).</summary>
internal sealed class ReplyScript(Func<CapturedRequest, ScriptedReply>? responder)
{
    private readonly ConcurrentQueue<ScriptedReply> _queue = new();
    private readonly Lock _gate = new();
    private readonly List<(string Method, ServerFault Fault)> _faults = [];
    private volatile Func<CapturedRequest, ScriptedReply>? _responder = responder;

    public Func<CapturedRequest, ScriptedReply>? Responder
    {
        get => _responder;
        set => _responder = value;
    }

    public void Enqueue(ScriptedReply reply) => _queue.Enqueue(reply);

    public void Clear()
    {
        _queue.Clear();
        lock (_gate)
        {
            _faults.Clear();
        }
    }

    public ScriptedReply? Take(CapturedRequest request) =>
        _queue.TryDequeue(out var reply) ? reply : Responder?.Invoke(request);

    public void FailNext(string method, ServerFault fault)
    {
        lock (_gate)
        {
            _faults.Add((method, fault));
        }
    }

    public ServerFault? TakeFault(string path)
    {
        lock (_gate)
        {
            var next = _faults.FindIndex(entry => path.EndsWith(entry.Method, StringComparison.Ordinal));
            if (next < 0)
            {
                return null;
            }

            var fault = _faults[next].Fault;
            _faults.RemoveAt(next);
            return fault;
        }
    }
}
