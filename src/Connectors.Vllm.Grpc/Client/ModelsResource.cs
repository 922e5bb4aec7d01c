using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>Facts about the served model.</summary>
public sealed class ModelsResource
{
    private readonly IVllmEngine _engine;
    private readonly ServerTokenizer _tokenizer;

    internal ModelsResource(IVllmEngine engine, ServerTokenizer tokenizer)
    {
        _engine = engine;
        _tokenizer = tokenizer;
    }

    /// <summary>The model.</summary>
    public Task<VllmModelInfo> GetAsync(CancellationToken cancellationToken = default) => _engine.GetModelInfoAsync(cancellationToken).AsTask();

    /// <summary>What the server can do with it.</summary>
    public Task<VllmCapabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default) =>
        _engine.GetCapabilitiesAsync(cancellationToken).AsTask();

    /// <summary>Its tokenizer: the one the client was given, else the server's.</summary>
    public Task<VllmTokenizer> GetTokenizerAsync(CancellationToken cancellationToken = default) => _tokenizer.GetAsync(cancellationToken).AsTask();

    /// <summary>Its LoRA adapters (Inference protocol).</summary>
    public Task<IReadOnlyList<LoraAdapterInfo>> ListLorasAsync(CancellationToken cancellationToken = default) =>
        _engine.ListLorasAsync(cancellationToken);

    /// <summary>The blocking form of <see cref="GetAsync"/>.</summary>
    public VllmModelInfo Get(CancellationToken cancellationToken = default) => Blocking.Run(() => GetAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetCapabilitiesAsync"/>.</summary>
    public VllmCapabilities GetCapabilities(CancellationToken cancellationToken = default) =>
        Blocking.Run(() => GetCapabilitiesAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetTokenizerAsync"/>.</summary>
    public VllmTokenizer GetTokenizer(CancellationToken cancellationToken = default) => Blocking.Run(() => GetTokenizerAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="ListLorasAsync"/>.</summary>
    public IReadOnlyList<LoraAdapterInfo> ListLoras(CancellationToken cancellationToken = default) =>
        Blocking.Run(() => ListLorasAsync(cancellationToken));
}
