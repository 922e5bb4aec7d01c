using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>The engine behind an emulated server: its caches, its adapters, and whether it is alive.</summary>
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

    /// <summary>Whether calls get no answer.</summary>
    public bool CallsHang => _callsHang;

    /// <summary>Whether the port is open and the model still loads.</summary>
    public bool Loading
    {
        get => _loading;
        set => _loading = value;
    }

    /// <summary>Whether the server shuts down and still answers calls.</summary>
    public bool Draining
    {
        get => _draining;
        set => _draining = value;
    }

    /// <summary>The number of Generate calls refused because the engine was full.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Takes a place in the engine's queue, or refuses the call; <see cref="Leave"/> releases it.</summary>
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

    /// <summary>
    /// Gets the reply to a JSON constraint of a model that prefers line breaks; null if it does not, or there is no such constraint.
    /// </summary>
    public ScriptedReply? LineBreaksUnder(GenerationRequest request)
    {
        if (!Options.PrefersLineBreaks || request.Constraint is not { Kind: ConstraintKind.JsonSchema or ConstraintKind.StructuralTag } constraint)
        {
            return null;
        }

        var (text, isComplete) = LineBreakModel.Write(constraint, Compiler.IsGuidance, request.MaxTokens);

        // One token per character, because a model that is constrained token by token may choose the longest tokenization.
        return new ScriptedReply { Ids = [.. text.SelectMany(character => Model.Tokenizer.Encode(character.ToString()))], EndWithEos = isComplete };
    }

    /// <summary>Kills the engine process: every running call ends with INTERNAL and this message.</summary>
    public RpcFailure KillEngine(string words)
    {
        _engineDead = true;
        var failure = RpcFailure.Internal(words);
        Running.FailAll(failure);
        return failure;
    }

    /// <summary>Marks the engine as dead without ending the running calls.</summary>
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
