using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>The engine behind an emulated server: its caches, its adapters, and whether it lives.</summary>
internal sealed class EmulatorState(VllmEmulatorOptions options, ServedModel model) : ServerState(options, model)
{
    public const string EngineDeathText = "EngineCore encountered an issue. See stack trace (above) for the root cause.";
    public const string InferenceDeathText = "engine-core error: engine core reported fatal failure";
    public const string BusyText = "The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.";
    private volatile bool _engineDead;
    private volatile bool _callsHang;
    private volatile bool _loading = options.StartsLoading;
    private volatile bool _draining;
    private int _admitted;
    private int _refused;

    public new VllmEmulatorOptions Options { get; } = options;

    public PrefixCache Prefixes { get; } = new(options.BlockSize, options.PrefixCacheBlocks);

    public MediaFetcher Media { get; } = new(options);

    public KvEventFeed KvEvents { get; } = new();

    public GrammarCompiler Compiler { get; } = new(options.Server);

    public LoraAdapters Loras { get; } = new(options.LoraAdapters);

    public bool EngineDead => _engineDead;

    /// <summary>Calls get no answer.</summary>
    public bool CallsHang => _callsHang;

    /// <summary>The port is open, the model is not there yet.</summary>
    public bool Loading
    {
        get => _loading;
        set => _loading = value;
    }

    /// <summary>SIGTERM came; calls are still answered.</summary>
    public bool Draining
    {
        get => _draining;
        set => _draining = value;
    }

    /// <summary>Generate calls refused because the engine was full.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Takes a place in the engine's queue, or refuses; <see cref="Leave"/> gives it back.</summary>
    public void Enter()
    {
        if (Interlocked.Increment(ref _admitted) > Options.MaxQueuedRequests)
        {
            Leave();
            Interlocked.Increment(ref _refused);
            throw new RpcFailure(RpcStatus.Unavailable, BusyText);
        }
    }

    public void Leave() => Interlocked.Decrement(ref _admitted);

    /// <summary>What the model makes of a JSON constraint if it prefers line breaks; null if it does not, or there is no such constraint.</summary>
    public ScriptedReply? LineBreaksUnder(GenerationRequest request)
    {
        if (!Options.PrefersLineBreaks || request.Constraint is not { Kind: ConstraintKind.JsonSchema or ConstraintKind.StructuralTag } constraint)
        {
            return null;
        }

        var (text, isComplete) = LineBreakModel.Write(constraint, Compiler.IsGuidance, request.MaxTokens);

        // A token for each character: a model that is held to a grammar step by step may take the longest way.
        return new ScriptedReply { Ids = [.. text.SelectMany(character => Model.Tokenizer.Encode(character.ToString()))], EndWithEos = isComplete };
    }

    /// <summary>The engine process dies: every running call ends INTERNAL with these words.</summary>
    public RpcFailure KillEngine(string words)
    {
        _engineDead = true;
        var failure = RpcFailure.Internal(words);
        Running.FailAll(failure);
        return failure;
    }

    /// <summary>The death is known, but running calls end in another way.</summary>
    public void MarkEngineDead(bool callsHang = false) => (_engineDead, _callsHang) = (true, callsHang);

    public override void Restart()
    {
        base.Restart();
        _engineDead = _callsHang = _loading = _draining = false;
        Prefixes.Clear();
        Compiler.Restart();
    }

    protected override void Dispose(bool disposing)
    {
        Media.Dispose();
        base.Dispose(disposing);
    }
}
