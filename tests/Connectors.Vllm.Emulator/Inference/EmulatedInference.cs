using System.Globalization;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.Inference;

/// <summary>vLLM's front end of the Inference protocol, under its current and its first name.</summary>
internal sealed class EmulatedInference(EmulatorState state) : InferenceService(state, state.Options.Server == EmulatedServer.LegacyInference)
{
    private readonly InferenceMedia _media = new(state);

    protected override void AddControl(Dictionary<string, RpcMethod> methods, List<string> served)
    {
        if (state.Options.ControlService)
        {
            new EmulatedControl(state).AddTo(methods);
            served.Add("vllm.Control");
        }
    }

    protected override void AddHealth(Dictionary<string, RpcMethod> methods, List<string> served)
    {
        if (state.Options.HealthService)
        {
            base.AddHealth(methods, served);
        }
    }

    protected override bool IsServing() => base.IsServing() && !state.EngineDead;

    protected override void Check(GrpcCall call, GenerateRequest message)
    {
        if (state.EngineDead)
        {
            throw RpcFailure.Internal(EmulatorState.InferenceDeathText);
        }

        CheckRank(call);
        if (message.Model.Length > 0 && message.Model != state.Model.ServedName && !state.Options.ServedModelAliases.Contains(message.Model))
        {
            throw RpcFailure.NotFound($"model `{message.Model}` not found");
        }

        if (message.LoraName.Length > 0)
        {
            state.Loras.Require(message.LoraName);
        }

        var requestId = message.RequestId.Length > 0 ? message.RequestId : Guid.NewGuid().ToString();
        InferenceRules.Check(message, requestId, state.Model.VocabularySize, state.Options.MaxLogProbs);
    }

    protected override ValueTask<int> CheckMediaAsync(GenerateRequest message, int[] prompt, CancellationToken cancellationToken) =>
        new(_media.ExtraTokensAsync(message, prompt, cancellationToken));

    // The real front end accepts an id outside the vocabulary, which kills the engine.
    protected override void CheckPrompt(ReadOnlySpan<int> prompt)
    {
        foreach (var id in prompt)
        {
            if ((uint)id >= (uint)state.Model.VocabularySize)
            {
                throw state.KillEngine(EmulatorState.InferenceDeathText);
            }
        }
    }

    protected override ScriptedReply ReplyTo(CapturedRequest captured, GenerationRequest request)
    {
        if (InferenceRules.FailsLoudly(request.Constraint) || !state.Compiler.Takes(request.Constraint))
        {
            throw RpcFailure.Internal("engine failed during generation");
        }

        // A constraint that does not compile is only logged by the server; the client sees success and a lone end-of-sequence id.
        return InferenceRules.FailsSilently(request.Constraint) ? new ScriptedReply { Ids = [] }
            : state.LineBreaksUnder(request) ?? base.ReplyTo(captured, request);
    }

    protected override int CountCached(GenerateRequest message, GenerationRequest request) => state.Prefixes.Visit(
        request.PromptIds,
        message.Kv?.CacheSalt ?? "",
        message.Kv is not { BypassPrefixCache: true } && message.Response is not { PromptLogprobs: true });

    private void CheckRank(GrpcCall call)
    {
        var rank = call.Metadata["x-data-parallel-rank"].ToString();
        if (rank.Length == 0)
        {
            return;
        }

        if (!uint.TryParse(rank, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw RpcFailure.Invalid("x-data-parallel-rank metadata must be an unsigned 32-bit integer");
        }

        if (number >= state.Options.DataParallelSize)
        {
            var ranks = string.Join(", ", Enumerable.Range(0, state.Options.DataParallelSize));
            throw RpcFailure.Invalid($"data parallel rank {number} is not connected; connected ranks: [{ranks}]");
        }
    }
}

/// <summary><c>vllm.Control</c> with LoRA adapters.</summary>
internal sealed class EmulatedControl(EmulatorState state) : ControlService(state)
{
    public override void AddTo(Dictionary<string, RpcMethod> methods)
    {
        base.AddTo(methods);
        methods[Service + "ListLoras"] = new(ListLorasRequest.Parser, (call, _) =>
            call.WriteAsync(new ListLorasResponse { Adapters = { state.Loras.List() } }).AsTask());
        methods[Service + "LoadLora"] = new(LoadLoraRequest.Parser, (call, captured) =>
        {
            var request = captured.As<LoadLoraRequest>();
            return call.WriteAsync(new LoadLoraResponse { Adapter = state.Loras.Load(request.LoraName, request.SourcePath) }).AsTask();
        });
        methods[Service + "UnloadLora"] = new(UnloadLoraRequest.Parser, (call, captured) =>
            call.WriteAsync(new UnloadLoraResponse { Adapter = state.Loras.Unload(captured.As<UnloadLoraRequest>().LoraName) }).AsTask());
    }

    protected override ServerInfo ServerInformation()
    {
        var options = state.Options;
        var info = base.ServerInformation();
        info.EngineVersion = options.EngineVersion;
        info.Parallelism.DataParallelSize = info.Parallelism.DataParallelSizeLocal = (uint)options.DataParallelSize;
        info.KvBlockSize = (uint)options.BlockSize;
        info.EffectiveAttentionBlockSize = (ulong)options.BlockSize;
        info.MaxRunningRequests = (ulong)options.MaxSequences;
        info.MaxLoras = state.Loras.Enabled ? 4u : 0u;
        return info;
    }

    protected override ModelInfo ModelInformation()
    {
        var info = base.ModelInformation();
        info.ServedModelAliases.AddRange(state.Options.ServedModelAliases);
        info.SupportsLora = state.Loras.Enabled;
        return info;
    }
}
