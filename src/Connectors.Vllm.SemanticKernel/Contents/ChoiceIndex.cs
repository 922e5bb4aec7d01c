using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Numbers the choices of a stream by their message ids. Each round of function calling is a response of its own and starts at 0 again.
/// </summary>
internal sealed class ChoiceIndex
{
    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private string? _response;

    public int Of(ChatResponseUpdate update)
    {
        if (!string.Equals(update.ResponseId, _response, StringComparison.Ordinal))
        {
            _response = update.ResponseId;
            _known.Clear();
        }

        var id = update.MessageId ?? string.Empty;
        if (!_known.TryGetValue(id, out var index))
        {
            _known[id] = index = _known.Count;
        }

        return index;
    }
}
