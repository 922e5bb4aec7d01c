using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace Connectors.Vllm.Aspire;

/// <summary>
/// Combines several configuration sections: the first one that sets a key takes precedence. Every part keeps the path of its section, so that a
/// message about a wrong value names the key to change. Lists are taken whole from one section.
/// </summary>
internal sealed class LayeredSection : IConfigurationSection
{
    private readonly IReadOnlyList<LayeredSection> _children;

    private LayeredSection(string key, string path, string? value, IReadOnlyList<LayeredSection> children)
    {
        Key = key;
        Path = path;
        Value = value;
        _children = children;
    }

    public string Key { get; }

    public string Path { get; }

    public string? Value { get; set; }

    public string? this[string key]
    {
        get => GetSection(key).Value;
        set => throw new NotSupportedException("Layered sections are read only.");
    }

    /// <summary>Puts sections on top of each other.</summary>
    /// <param name="layers">The sections, the one that wins first; at least one.</param>
    /// <param name="isHidden">Whether a part of a section does not count.</param>
    public static LayeredSection Of(IReadOnlyList<IConfigurationSection> layers, Func<IConfigurationSection, bool> isHidden) =>
        Of(layers, layers[^1].Path, isHidden);

    public IConfigurationSection GetSection(string key)
    {
        var section = this;
        foreach (var part in key.Split(ConfigurationPath.KeyDelimiter))
        {
            section = section._children.FirstOrDefault(child => child.Key.Equals(part, StringComparison.OrdinalIgnoreCase))
                ?? new LayeredSection(part, ConfigurationPath.Combine(section.Path, part), null, []);
        }

        return section;
    }

    public IEnumerable<IConfigurationSection> GetChildren() => _children;

    /// <summary>Options are read once.</summary>
    public IChangeToken GetReloadToken() => new CancellationChangeToken(CancellationToken.None);

    private static LayeredSection Of(IReadOnlyList<IConfigurationSection> layers, string path, Func<IConfigurationSection, bool> isHidden)
    {
        var first = layers[0].GetChildren().ToList();
        var children = layers[0].Value is not null || IsList(first) ? first : layers.SelectMany(static layer => layer.GetChildren());
        return new LayeredSection(
            layers[0].Key,
            path,
            layers[0].Value,
            [
                .. children.Where(child => !isHidden(child)).GroupBy(static child => child.Key, StringComparer.OrdinalIgnoreCase)
                    .Select(static same => same.ToList()).Select(same => Of(same, same[0].Path, isHidden)),
            ]);
    }

    private static bool IsList(List<IConfigurationSection> children) => children.Count > 0
        && children.All(static child => int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _));
}
