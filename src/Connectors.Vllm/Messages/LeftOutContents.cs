using System.Globalization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// The contents of one request that no chat template has a place for. A conversation may be mapped several times; each content counts once.
/// </summary>
internal sealed class LeftOutContents
{
    private readonly HashSet<object> _contents = new(ReferenceEqualityComparer.Instance);

    public void Add(object content) => _contents.Add(content);

    /// <summary>Logs one line that names all of them, or nothing when the prompt holds everything.</summary>
    public void WriteTo(ILogger logger)
    {
        if (_contents.Count > 0 && logger.IsEnabled(LogLevel.Information))
        {
            Log.ContentsLeftOut(logger, string.Join(", ", _contents
                .GroupBy(static content => content.GetType().Name, StringComparer.Ordinal)
                .Select(static kind => kind.Count() == 1 ? kind.Key : string.Create(CultureInfo.InvariantCulture, $"{kind.Count()} × {kind.Key}"))));
        }
    }
}
