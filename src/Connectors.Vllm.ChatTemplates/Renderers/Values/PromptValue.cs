using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates.Values;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// A JSON value as Python's json module keeps it: object keys in first-seen order, numbers as their source text (so integers have any size), strings
/// that may contain unpaired surrogates.
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

    /// <summary>The member's value, or null when there is no such member (or this is not an object).</summary>
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

/// <summary>Converts messages, tools and options (JSON or plain collections) to <see cref="PromptValue"/>.</summary>
internal static class PromptValueReader
{
    private const int MaxDepth = 128;

    /// <exception cref="ChatTemplateException">The value nests too deeply or is of a type that has no JSON form.</exception>
    public static PromptValue Read(object? value, string what) => Read(value, what, 0);

    private static PromptValue Read(object? value, string what, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ChatTemplateException($"{what} is nested more than {MaxDepth} levels deep.");
        }

        switch (value)
        {
            case null:
                return PromptValue.Null;
            case PromptValue known:
                return known;
            case string text:
                return PromptValue.OfString(text);
            case bool flag:
                return PromptValue.OfBoolean(flag);
            case JsonElement element:
                return element.ValueKind == JsonValueKind.Undefined ? PromptValue.Null : Parse(element.GetRawText(), what);
            case JsonDocument document:
                return Parse(document.RootElement.GetRawText(), what);
            case JsonNode node:
                return Parse(node.ToJsonString(), what);
            case double number:
                return PromptValue.OfNumber(FloatText.Json(number, FloatStyle.Python));
            case float number:
                var shortest = double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
                return PromptValue.OfNumber(FloatText.Json(shortest, FloatStyle.Python));
            case sbyte or byte or short or ushort or int or uint or long or ulong or Int128 or UInt128 or System.Numerics.BigInteger or decimal:
                return PromptValue.OfNumber(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
            case IEnumerable<KeyValuePair<string, object?>> members:
                return ReadObject(members, what, depth);
            case IEnumerable<KeyValuePair<string, JsonElement>> members:
                return ReadObject(members.Select(member => new KeyValuePair<string, object?>(member.Key, member.Value)), what, depth);
            case IEnumerable<KeyValuePair<string, string>> members:
                return ReadObject(members.Select(member => new KeyValuePair<string, object?>(member.Key, member.Value)), what, depth);
            case IDictionary dictionary:
                return ReadObject(
                    dictionary.Cast<DictionaryEntry>().Select(entry => KeyValuePair.Create((string)entry.Key, entry.Value)), what, depth);
            case IEnumerable items:
                return PromptValue.OfArray([.. items.Cast<object?>().Select(item => Read(item, what, depth + 1))]);
            default:
                throw new ChatTemplateException(
                    $"{what} contains a value of type {value.GetType()}; "
                    + "use JSON (JsonElement, JsonNode), dictionaries, lists, strings, numbers and booleans.");
        }
    }

    private static PromptValue ReadObject(IEnumerable<KeyValuePair<string, object?>> members, string what, int depth) =>
        PromptValue.OfObject([.. members.Select(member => KeyValuePair.Create(member.Key, Read(member.Value, what, depth + 1)))]);

    private static PromptValue Parse(string json, string what) =>
        PythonJsonReader.TryParse(json, JsonDialect.Python, out var value, out var error)
            ? value
            : throw new ChatTemplateException($"{what} could not be read as JSON: {error}.");
}
