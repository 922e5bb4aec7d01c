using Connectors.Vllm.Grpc.Protocol.Inference;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>The LoRA adapters of a server of the Inference protocol.</summary>
internal sealed class LoraAdapters
{
    private readonly Lock _gate = new();
    private readonly List<LoraAdapter> _adapters = [];
    private readonly bool _enabled;
    private long _nextId = 1;

    public LoraAdapters(IReadOnlyList<string>? names)
    {
        _enabled = names is not null;
        foreach (var name in names ?? [])
        {
            _adapters.Add(new LoraAdapter { LoraId = _nextId++, LoraName = name, SourcePath = "/adapters/" + name });
        }
    }

    public bool Enabled => _enabled;

    public IReadOnlyList<LoraAdapter> List()
    {
        ThrowIfOff();
        lock (_gate)
        {
            return [.. _adapters];
        }
    }

    public LoraAdapter Require(string name)
    {
        ThrowIfOff();
        lock (_gate)
        {
            return Find(name) ?? throw RpcFailure.NotFound($"LoRA adapter `{name}` is not loaded");
        }
    }

    public LoraAdapter Load(string name, string path)
    {
        ThrowIfOff();
        if (!Directory.Exists(path))
        {
            throw RpcFailure.Invalid("Local LoRA adapter path must exist and be accessible.");
        }

        lock (_gate)
        {
            if (Find(name) is not null)
            {
                throw new RpcFailure(RpcStatus.AlreadyExists, $"LoRA adapter `{name}` is already loaded");
            }

            var adapter = new LoraAdapter { LoraId = _nextId++, LoraName = name, SourcePath = path };
            _adapters.Add(adapter);
            return adapter;
        }
    }

    public LoraAdapter Unload(string name)
    {
        var adapter = Require(name);
        lock (_gate)
        {
            _adapters.Remove(adapter);
        }

        return adapter;
    }

    private LoraAdapter? Find(string name) => _adapters.Find(adapter => adapter.LoraName == name);

    private void ThrowIfOff()
    {
        if (!_enabled)
        {
            throw new RpcFailure(RpcStatus.FailedPrecondition, "engine was not started with LoRA enabled");
        }
    }
}
