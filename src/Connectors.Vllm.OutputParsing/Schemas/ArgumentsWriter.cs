using System.Text;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>Puts the arguments object together, in the order the keys first came; a repeated key keeps its last value.</summary>
internal sealed class ArgumentsWriter
{
    private readonly List<(string Key, string Json)> _members = [];
    private readonly Dictionary<string, int> _index = new(StringComparer.Ordinal);

    /// <summary>Number of members.</summary>
    public int Count => _members.Count;

    /// <summary>True when the key is there already.</summary>
    public bool Contains(string key) => _index.ContainsKey(key);

    /// <summary>True when a member was set more than once.</summary>
    public bool Repeats { get; private set; }

    /// <summary>Sets a member to JSON text.</summary>
    public void Set(string key, string json)
    {
        if (_index.TryGetValue(key, out var at))
        {
            _members[at] = (key, json);
            Repeats = true;
            return;
        }

        _index.Add(key, _members.Count);
        _members.Add((key, json));
    }

    /// <summary>The only member, when there is just one.</summary>
    public (string Key, string Json)? Single => _members.Count == 1 ? _members[0] : null;

    /// <summary>JSON text of the object.</summary>
    public string ToJson()
    {
        var builder = new StringBuilder("{");
        foreach (var (key, json) in _members)
        {
            if (builder.Length > 1)
            {
                builder.Append(", ");
            }

            JsonText.AppendString(builder, key);
            builder.Append(": ").Append(json);
        }

        return builder.Append('}').ToString();
    }
}
