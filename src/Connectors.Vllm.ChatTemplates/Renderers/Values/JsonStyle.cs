namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Layout of JSON text inside a prompt.</summary>
/// <param name="ItemSeparator">Text between two items.</param>
/// <param name="KeySeparator">Text between a key and its value.</param>
/// <param name="SortKeys">Whether keys are sorted by code point; otherwise they keep their order.</param>
/// <param name="Numbers">Layout of numbers.</param>
internal sealed record JsonStyle(string ItemSeparator, string KeySeparator, bool SortKeys, JsonNumberStyle Numbers)
{
    /// <summary>Python's json.dumps(value, ensure_ascii=False).</summary>
    public static JsonStyle Python { get; } = new(", ", ": ", SortKeys: false, JsonNumberStyle.Python);

    /// <summary>Python's json.dumps with separators "," and ":" and sorted keys.</summary>
    public static JsonStyle PythonCompactSorted { get; } = new(",", ":", SortKeys: true, JsonNumberStyle.Python);

    /// <summary>serde_json's compact form, keys in their order.</summary>
    public static JsonStyle RustCompact { get; } = new(",", ":", SortKeys: false, JsonNumberStyle.Rust);

    /// <summary>serde_json's compact form with sorted keys.</summary>
    public static JsonStyle RustCompactSorted { get; } = new(",", ":", SortKeys: true, JsonNumberStyle.Rust);
}
