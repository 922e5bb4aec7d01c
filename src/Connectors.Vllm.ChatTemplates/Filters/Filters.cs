using System.Collections.Frozen;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The filters of the template environment: jinja2's own, with transformers' tojson.</summary>
internal static class Filters
{
    public static Method ToJson { get; } = new("tojson", "ensure_ascii? indent? separators? sort_keys?", JsonFilter.Apply);

    private static readonly FrozenDictionary<string, Method> Table = new[]
    {
        TextFilters.All, SequenceFilters.All, SelectionFilters.All, NumberFilters.All, MarkupFilters.All, MiscFilters.All, [ToJson],
    }.SelectMany(filters => filters).ToFrozenDictionary(filter => filter.Signature.Name, StringComparer.Ordinal);

    public static Method? Find(string name) => Table.GetValueOrDefault(name);
}
