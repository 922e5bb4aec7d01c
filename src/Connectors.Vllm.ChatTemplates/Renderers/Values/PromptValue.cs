using System.Globalization;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// A JSON value as Python's json module keeps it: object keys in first-seen order, numbers as their source text
/// (so integers have any size), strings that may hold unpaired surrogates.
/// </summary>
internal sealed class PromptValue
{
    private const int IndexedMemberCount = 12;

    private readonly List<PromptValue>? _items;
    private readonly List<KeyValuePair<string, PromptValue>>? _members;
    private Dictionary<string, int>? _index;

    private PromptValue(PromptValueKind kind, string text = "") => (Kind, Text) = (kind, text);

    private PromptValue(List<PromptValue> items) : this(PromptValueKind.Array) => _items = items;

    private PromptValue(List<KeyValuePair<string, PromptValue>> members) : this(PromptValueKind.Object) => _members = members;

    public static PromptValue Null { get; } = new(PromptValueKind.Null);

    public static PromptValue True { get; } = new(PromptValueKind.True);

    public static PromptValue False { get; } = new(PromptValueKind.False);

    public PromptValueKind Kind { get; }

    /// <summary>The characters of a string or the literal of a number; otherwise empty.</summary>
    public string Text { get; }

    public IReadOnlyList<PromptValue> Items => _items ?? [];

    public IReadOnlyList<KeyValuePair<string, PromptValue>> Members => _members ?? [];

    public bool IsNull => Kind == PromptValueKind.Null;

    public bool IsObject => Kind == PromptValueKind.Object;

    public bool IsArray => Kind == PromptValueKind.Array;

    public bool IsString => Kind == PromptValueKind.String;

    public bool IsNumber => Kind == PromptValueKind.Number;

    public bool IsBoolean => Kind is PromptValueKind.True or PromptValueKind.False;

    /// <summary>A number written without point, exponent, and not NaN or an infinity.</summary>
    public bool IsInteger => Kind == PromptValueKind.Number && !Text.AsSpan().ContainsAny(".eENI");

    /// <summary>Python's bool(): null, false, zero and everything empty is false.</summary>
    public bool IsTruthy => Kind switch
    {
        PromptValueKind.Null or PromptValueKind.False => false,
        PromptValueKind.True => true,
        PromptValueKind.Number => AsDouble() != 0,
        PromptValueKind.String => Text.Length > 0,
        PromptValueKind.Array => Items.Count > 0,
        _ => Members.Count > 0,
    };

    /// <summary>The string, or null when the value is of another kind.</summary>
    public string? StringOrNull => Kind == PromptValueKind.String ? Text : null;

    /// <summary>The member's value, or null when there is no such member (or this is no object).</summary>
    public PromptValue? this[string key]
    {
        get
        {
            if (_members is null)
            {
                return null;
            }

            if (_members.Count >= IndexedMemberCount)
            {
                _index ??= BuildIndex(_members);
                return _index.TryGetValue(key, out var position) ? _members[position].Value : null;
            }

            foreach (var member in _members)
            {
                if (string.Equals(member.Key, key, StringComparison.Ordinal))
                {
                    return member.Value;
                }
            }

            return null;
        }
    }

    public static PromptValue OfString(string text) => new(PromptValueKind.String, text);

    public static PromptValue OfNumber(string literal) => new(PromptValueKind.Number, literal);

    public static PromptValue OfBoolean(bool value) => value ? True : False;

    public static PromptValue OfArray(List<PromptValue> items) => new(items);

    /// <summary>An object whose keys are distinct.</summary>
    public static PromptValue OfObject(List<KeyValuePair<string, PromptValue>> members) => new(members);

    /// <summary>The member's value, or null when it is absent or JSON null.</summary>
    public PromptValue? NotNull(string key) => this[key] is { IsNull: false } value ? value : null;

    public double AsDouble() => Text switch
    {
        "NaN" => double.NaN,
        "Infinity" => double.PositiveInfinity,
        "-Infinity" => double.NegativeInfinity,
        _ => double.Parse(Text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    private static Dictionary<string, int> BuildIndex(List<KeyValuePair<string, PromptValue>> members)
    {
        var index = new Dictionary<string, int>(members.Count, StringComparer.Ordinal);
        for (var i = 0; i < members.Count; i++)
        {
            index[members[i].Key] = i;
        }

        return index;
    }
}

internal enum PromptValueKind : byte
{
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
}
