using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Reads vLLM's parameters from an <see cref="AdditionalPropertiesDictionary"/>, in every form in which they may be stored: by the typed extensions,
/// under a snake_case key, as a deserialized <see cref="JsonElement"/>, or by Semantic Kernel, which converts every number to a double. Unknown keys
/// are ignored; a known key with an invalid value throws an <see cref="ArgumentException"/> that names it.
/// </summary>
internal readonly struct PropertyReader(AdditionalPropertiesDictionary? properties, string? label = null)
{
    public bool IsEmpty => properties is null || properties.Count == 0;

    /// <summary>The keys.</summary>
    public IEnumerable<string> Keys => properties?.Keys ?? Enumerable.Empty<string>();

    public bool Has(string key) => properties?.ContainsKey(key) == true;

    public double? Number(string key, double minimum = double.MinValue, double maximum = double.MaxValue)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        var number = value switch
        {
            double known => known,
            long known => known,
            BigInteger known => (double)known,
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) => parsed,
            _ => throw Wrong(key, value, "a number"),
        };
        return number >= minimum && number <= maximum && !double.IsNaN(number)
            ? number
            : throw OutOfRange(key, value, maximum >= float.MaxValue ? "above 0"
                : string.Create(CultureInfo.InvariantCulture, $"a number from {minimum} to {maximum}"));
    }

    public long? Integer(string key, long minimum = long.MinValue, long maximum = long.MaxValue)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        var number = ToInteger(value) ?? throw Wrong(key, value, "a whole number");
        return number >= minimum && number <= maximum
            ? number
            : throw OutOfRange(key, value, maximum == int.MaxValue
                ? string.Create(CultureInfo.InvariantCulture, $"a whole number of {minimum} or more")
                : string.Create(CultureInfo.InvariantCulture, $"a whole number from {minimum} to {maximum}"));
    }

    public int? Int32(string key, int minimum = int.MinValue, int maximum = int.MaxValue) => (int?)Integer(key, minimum, maximum);

    public bool? Boolean(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        return value switch
        {
            bool known => known,
            string text when bool.TryParse(text, out var parsed) => parsed,
            long and (0 or 1) => (long)value == 1,
            double and (0d or 1d) => (double)value == 1d,
            _ => throw Wrong(key, value, "true or false"),
        };
    }

    /// <summary>Gets the value if it is true or false, as a boolean or as text; otherwise null, without an exception.</summary>
    public bool? TryBoolean(string key) => !TryGet(key, out var value) ? null
        : value is string text && bool.TryParse(text, out var parsed) ? parsed
        : value as bool?;

    public string? Text(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        return value as string ?? throw Wrong(key, value, "a string");
    }

    public string? NonEmptyText(string key) => Text(key) is { Length: 0 } ? throw Wrong(key, string.Empty, "a text that is not empty") : Text(key);

    /// <summary>Gets JSON text: a string that contains JSON, or a value serialized to JSON.</summary>
    public string? Json(string key)
    {
        if (TextOrJson(key) is not { } text)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            return text;
        }
        catch (JsonException exception)
        {
            throw new ArgumentException($"{Location(key)} must be JSON: {exception.Message}", label ?? key, exception);
        }
    }

    /// <summary>Gets a string, or any other value as JSON text.</summary>
    public string? TextOrJson(string key) => !TryGet(key, out var value) ? null : value as string ?? PlainJson.Write(value);

    public IReadOnlyList<string>? TextList(string key, bool mayBeEmpty = false)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        if (value is string single)
        {
            return [single];
        }

        if (value is not List<object?> items)
        {
            throw Wrong(key, value, "a list of strings");
        }

        if (items.Count == 0 && !mayBeEmpty)
        {
            throw Wrong(key, value, "a list of at least one string");
        }

        var texts = new string[items.Count];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = items[i] as string ?? throw Wrong(key, items[i], "a list of strings");
        }

        return texts;
    }

    public IReadOnlyList<int>? TokenIds(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        if (value is not List<object?> items)
        {
            return [ToTokenId(key, value)];
        }

        var ids = new int[items.Count];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = ToTokenId(key, items[i]);
        }

        return ids;
    }

    public IReadOnlyDictionary<int, float>? TokenWeights(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        if (value is not Dictionary<string, object?> members)
        {
            throw Wrong(key, value, "an object of token ids and weights");
        }

        var weights = new Dictionary<int, float>(members.Count);
        foreach ((var id, var weight) in members)
        {
            var number = weight switch
            {
                double known => known,
                long known => known,
                _ => throw Wrong(key, weight, "an object of token ids and weights"),
            };
            weights[ToTokenId(key, id)] = (float)number;
        }

        return weights;
    }

    public Dictionary<string, object?>? Members(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        if (value is string json)
        {
            try
            {
                using var document = JsonDocument.Parse(json);
                value = PlainValue.From(document.RootElement);
            }
            catch (JsonException)
            {
                throw Wrong(key, json, "an object");
            }
        }

        return value as Dictionary<string, object?> ?? throw Wrong(key, value, "an object");
    }

    public List<object?>? Items(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        return value as List<object?> ?? throw Wrong(key, value, "a list");
    }

    private bool TryGet(string key, out object? value)
    {
        if (properties is null || !properties.TryGetValue(key, out var raw))
        {
            value = null;
            return false;
        }

        value = PlainValue.From(raw);
        return value is not null;
    }

    private static long? ToInteger(object? value) => value switch
    {
        long known => known,
        double known when known == Math.Floor(known) && Math.Abs(known) < 9.2e18 => (long)known,
        string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed) => parsed,
        _ => null,
    };

    private int ToTokenId(string key, object? value) =>
        ToInteger(value) is long id and >= 0 and <= int.MaxValue ? (int)id : throw Wrong(key, value, "token ids (whole numbers, zero or more)");

    private ArgumentException Wrong(string key, object? value, string expected) =>
        new($"{Location(key)} must be {expected}, but it is {Describe(value)}.", label ?? key);

    private ArgumentOutOfRangeException OutOfRange(string key, object? value, string expected) =>
        new(label ?? key, $"{Location(key)} must be {expected}, but it is {Describe(value)}.");

    /// <summary>Gets the location of the value for messages: the property that was set, or the key.</summary>
    private string Location(string key) => label ?? $"AdditionalProperties[\"{key}\"]";

    private static string Describe(object? value)
    {
        var text = value is string quoted ? $"\"{quoted}\"" : PlainJson.Write(value);
        return text.Length <= 80 ? text : string.Concat(text.AsSpan(0, 77), "...");
    }
}
