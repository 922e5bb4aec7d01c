using System.Collections.Frozen;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>The ids that end an answer.</summary>
/// <param name="All">Every one of them.</param>
/// <param name="ToSend">Those the server does not know by itself.</param>
internal sealed record StopTokenSet(IReadOnlyList<int> All, IReadOnlyList<int> ToSend)
{
    private readonly FrozenSet<int> _lookup = All.ToFrozenSet();

    public bool Contains(int id) => _lookup.Contains(id);

    public static StopTokenSet From(ModelConfig config, VllmModelInfo? info, VllmTokenizer tokenizer)
    {
        var known = new SortedSet<int>(config.ConfigEndTokens);
        known.UnionWith(info?.EosTokenIds ?? []);

        // vLLM adds the end tokens of generation_config.json itself, unless it was told to ignore that file; then it reports no sampling defaults
        // either.
        var ignored = info is { ServedModelName.Length: > 0, DefaultSampling: null, EosTokenIds.Count: > 0 } && config.Sampling is not null;
        var all = new SortedSet<int>(known);
        all.UnionWith(config.GenerationEndTokens);
        if (!ignored)
        {
            known.UnionWith(config.GenerationEndTokens);
        }

        if (config.EndToken is { Length: > 0 } text && tokenizer.TokenToId(text) is int end)
        {
            all.Add(end);
        }

        return new StopTokenSet([.. all], [.. all.Except(known)]);
    }
}
