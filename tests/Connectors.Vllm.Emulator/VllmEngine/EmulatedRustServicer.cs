using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;
using GenerationRequest = Connectors.Vllm.Testing.Generation.GenerationRequest;

namespace Connectors.Vllm.Emulator.VllmEngine;

/// <summary>
/// The Rust servicer of the VllmEngine protocol. It listens while the model loads, reports running totals, repeats everything in the last message,
/// loses the first token if prompt log probabilities are requested, and accepts requests that kill the engine.
/// </summary>
internal sealed class EmulatedRustServicer(EmulatorState state) : EmulatedVllmEngine(state)
{
    public const string ShuttingDown = "servicer shutting down: the engine went away before the request completed";
    private const string Connecting = "engine is still connecting";
    private const string EngineError = "engine finished the request with an error (see engine logs)";
    public const string KilledByRequest = "engine core reported fatal failure";
    private const string DeadForLater = "engine ZMQ client is closed: client is shutting down";
    private readonly EmulatorState _state = state;

    protected override Dictionary<string, RpcMethod> Methods()
    {
        var methods = base.Methods();
        methods[Service + "GetLoads"] = new(GetLoadsRequest.Parser, (call, _) =>
            _state.Loading ? throw new RpcFailure(RpcStatus.Unavailable, Connecting) : call.WriteAsync(Loads()).AsTask());
        return methods;
    }

    protected override void AddHealth(Dictionary<string, RpcMethod> methods)
    {
        if (Options.HealthService)
        {
            new HealthService(["", "vllm.grpc.engine.VllmEngine"], IsServing).AddTo(methods);
        }
    }

    protected override bool IsServing() => base.IsServing() && !_state.Loading && !_state.Draining;

    protected override HealthCheckResponse Health() =>
        _state.EngineDead ? new HealthCheckResponse { Message = "Engine is not alive" }
        : _state.Loading ? new HealthCheckResponse { Message = "Engine is starting" }
        : _state.Draining ? new HealthCheckResponse { Message = "Draining" }
        : base.Health();

    protected override GetModelInfoResponse ModelInformation()
    {
        var response = base.ModelInformation();
        response.EosTokenIds.AddRange(_state.Model.Stops.SecondaryEos.Except(response.EosTokenIds));
        return response;
    }

    protected override GetServerInfoResponse ServerInformation()
    {
        var response = base.ServerInformation();
        var uptime = Uptime();
        response.ActiveRequests = uptime.ActiveRequests;
        response.UptimeSeconds = uptime.UptimeSeconds;
        response.ServerType = uptime.ServerType;
        return response;
    }

    protected override async Task GenerateAsync(GrpcCall call, CapturedRequest captured)
    {
        if (_state.CallsHang)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancelled).ConfigureAwait(false);
        }

        await base.GenerateAsync(call, captured).ConfigureAwait(false);
    }

    protected override void CheckState(IMessage message)
    {
        if (_state.EngineDead)
        {
            throw RpcFailure.Internal(DeadForLater);
        }

        if (_state.Loading)
        {
            throw new RpcFailure(RpcStatus.Unavailable, Connecting);
        }

        var requestId = GetRequestId(message);
        if (requestId.Length == 0)
        {
            throw RpcFailure.Invalid("request_id is required");
        }

        if (_state.Running.Contains(requestId))
        {
            throw new RpcFailure(RpcStatus.AlreadyExists, $"request {requestId} is already in flight");
        }

        if (message is GenerateRequest { InputCase: GenerateRequest.InputOneofCase.Text })
        {
            throw RpcFailure.Invalid("ZMQ mode requires pre-tokenized input (TokenizedInput)");
        }
    }

    protected override ValueTask<int> CheckAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken)
    {
        var sampling = message.SamplingParams ?? new SamplingParams();
        if (sampling.Stop.Count > 0 && !Options.HasTokenizer)
        {
            throw new RpcFailure(RpcStatus.FailedPrecondition, "string stop sequences need the model tokenizer, which this servicer does not have");
        }

        if (KillsTheEngine(sampling, prompt))
        {
            throw _state.KillEngine(KilledByRequest);
        }

        RustRules.Check(sampling);
        return ValueTask.FromResult(0);
    }

    protected override ScriptedReply ReplyTo(CapturedRequest captured, GenerationRequest request)
    {
        var sampling = captured.As<GenerateRequest>().SamplingParams ?? new SamplingParams();
        if (ConstraintRules.IsBroken(sampling))
        {
            throw RpcFailure.Internal(EngineError);
        }

        var reply = base.ReplyTo(captured, request);
        return reply.FinishReason switch
        {
            "error" => throw RpcFailure.Internal(EngineError),
            "repetition" => reply with { FinishReason = "stop" },
            _ => reply,
        };
    }

    protected override VllmEngineMessages CreateMessages(GenerateRequest message, GenerationRequest request, ScriptedReply reply, int cached) =>
        new RustMessages(message.SamplingParams ?? new SamplingParams(), request, reply, cached, _state.Model.VocabularySize);

    /// <summary>Whether this servicer accepts a request that kills the engine.</summary>
    private bool KillsTheEngine(SamplingParams sampling, int[] prompt)
    {
        var vocabulary = _state.Model.VocabularySize;
        return prompt.Length == 0 || prompt.Length > _state.Model.ContextLength
            || prompt.Any(id => (uint)id >= (uint)vocabulary)
            || sampling.LogitBias.Keys.Any(id => id < 0 || id >= vocabulary)
            || (sampling.HasTemperature && sampling.Temperature > 2)
            || sampling.Logprobs > vocabulary;
    }

    /// <summary>
    /// Messages with running totals and a last message with everything, without the first token if prompt log probabilities are requested.
    /// </summary>
    private sealed class RustMessages(SamplingParams sampling, GenerationRequest request, ScriptedReply reply, int cached, int vocabulary)
        : VllmEngineMessages(sampling, request, reply, cached, vocabulary)
    {
        private readonly List<SequenceStep>[] _steps = [.. Enumerable.Range(0, request.Choices).Select(_ => new List<SequenceStep>())];
        private readonly bool _losesFirstToken = sampling.HasPromptLogprobs;

        public override GenerateResponse Chunk(SequenceStep step)
        {
            _steps[step.Index].Add(step);
            var response = Adapt(base.Chunk(Seen(step)));
            response.Chunk.CompletionTokens = (uint)(step.Offset + step.Ids.Count - (_losesFirstToken ? 1 : 0));
            return response;
        }

        public override GenerateResponse Complete(SequenceStep step) => Whole(_steps[step.Index]);

        public override GenerateResponse Whole(IReadOnlyList<SequenceStep> steps) => Adapt(base.Whole([.. steps.Select(Seen)]));

        /// <summary>The step as the client receives it, without the content of the engine's first message.</summary>
        private SequenceStep Seen(SequenceStep step) =>
            _losesFirstToken && step is { Offset: 0, Ids.Count: > 0 } ? step with { Offset = 1, Ids = [.. step.Ids.Skip(1)] } : step;

        private GenerateResponse Adapt(GenerateResponse response)
        {
            if (_losesFirstToken)
            {
                if (response.Chunk is { } chunk)
                {
                    (chunk.PromptTokens, chunk.CachedTokens, chunk.InputLogprobs) = (0, 0, null);
                }

                if (response.Complete is { } complete)
                {
                    (complete.PromptTokens, complete.CachedTokens, complete.InputLogprobs) = (0, 0, null);
                }
            }

            return response;
        }
    }
}

/// <summary>The parameter checks of the Rust servicer, with its messages.</summary>
internal static class RustRules
{
    public static void Check(SamplingParams sampling)
    {
        if (sampling is { HasMaxTokens: true, MaxTokens: 0 })
        {
            throw RpcFailure.Invalid("max_tokens must be at least 1, got 0");
        }

        if (sampling.TopP is < 0 or > 1)
        {
            throw RpcFailure.Invalid(FormattableString.Invariant($"top_p must be in (0, 1], got {sampling.TopP:R}"));
        }

        if (sampling.HasMaxTokens && sampling.MinTokens > sampling.MaxTokens)
        {
            throw RpcFailure.Invalid($"min_tokens must be less than or equal to max_tokens ({sampling.MaxTokens}), got {sampling.MinTokens}");
        }

        var temperature = sampling.HasTemperature ? sampling.Temperature : 1f;
        if (sampling.N > 1 && temperature == 0)
        {
            throw RpcFailure.Invalid($"n must be 1 when using greedy sampling, got {sampling.N}.");
        }
    }
}
