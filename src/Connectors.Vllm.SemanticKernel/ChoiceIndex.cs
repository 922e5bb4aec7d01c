using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>Numbers the choices of a stream by their message ids.</summary>
internal sealed class ChoiceIndex
{
    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);

    public int Of(ChatResponseUpdate update)
    {
        string id = update.MessageId ?? string.Empty;
        if (!_known.TryGetValue(id, out int index))
        {
            _known[id] = index = _known.Count;
        }

        return index;
    }
}
