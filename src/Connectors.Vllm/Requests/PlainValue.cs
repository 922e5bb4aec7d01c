using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Converts values in messages, tool arguments or AdditionalProperties to the types that templates and readers support: null, bool, long, BigInteger,
/// double, string, list and dictionary (in insertion order). Everything is copied, so later changes by the caller do not affect a running request.
/// </summary>
internal static class PlainValue
{
    /// <summary>The maximum depth; deeper values are cycles or attacks, not chat data.</summary>
    public const int MaxDepth = 64;

    private static readonly JsonSerializerOptions Json = new(AIJsonUtilities.DefaultOptions)
    {
        // A function may return a number that is none; the model can be told.
        NumberHandling = AIJsonUtilities.DefaultOptions.NumberHandling | JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static object? From(object? value) => From(value, 0);

    public static Dictionary<string, object?> FromObject(JsonElement element)
    {
        var result = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var property in element.EnumerateObject())
        {
            result[property.Name] = FromElement(property.Value, 1);
        }

        return result;
    }

    private static object? From(object? value, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ArgumentException($"A value is nested more than {MaxDepth} levels deep.");
        }

        return value switch
        {
            null => null,
            string text => text,
            bool or long or double or BigInteger => value,
            int number => (long)number,
            short number => (long)number,
            byte number => (long)number,
            sbyte number => (long)number,
            ushort number => (long)number,
            uint number => (long)number,
            ulong number => number <= long.MaxValue ? (long)number : (BigInteger)number,
            // Converted by way of the shortest text, so that 0.1f becomes 0.1 and not 0.10000000149011612.
            float number => double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            decimal number => FromNumber(number.ToString(CultureInfo.InvariantCulture)),
            char letter => letter.ToString(),
            JsonElement element => FromElement(element, depth),
            JsonDocument document => FromElement(document.RootElement, depth),
            JsonNode node => FromNode(node, depth),
            IEnumerable<KeyValuePair<string, object?>> pairs => FromPairs(pairs, depth),
            IDictionary dictionary => FromDictionary(dictionary, depth),
            byte[] bytes => Convert.ToBase64String(bytes),
            IEnumerable items => FromList(items, depth),
            _ => FromElement(Serialize(value), depth),
        };
    }

    /// <summary>
    /// Parses a JSON number by the rules of Python, for which chat templates were written: without '.' and 'e' it is an integer of any size.
    /// </summary>
    public static object FromNumber(string text)
    {
        if (text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
        {
            return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var small)
            ? small
            : BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
    }

    /// <summary>Serializes a value of the caller's own type with the options that Microsoft.Extensions.AI uses for this purpose.</summary>
    public static JsonElement Serialize(object value, JsonSerializerOptions? options = null)
    {
        var type = value.GetType();
        try
        {
            return JsonSerializer.SerializeToElement(value, (options ?? Json).GetTypeInfo(type));
        }
        catch (NotSupportedException error)
        {
            throw new NotSupportedException(
                $"A value of type '{type}' cannot be written as JSON. Pass a string, a number, a JsonElement or a dictionary instead, or register "
                    + $"the type's source-generated JsonTypeInfo.",
                error);
        }
    }

    private static object? FromElement(JsonElement element, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ArgumentException($"A JSON value is nested more than {MaxDepth} levels deep.");
        }

        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var members = new Dictionary<string, object?>(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    members[property.Name] = FromElement(property.Value, depth + 1);
                }

                return members;
            case JsonValueKind.Array:
                var items = new List<object?>(element.GetArrayLength());
                foreach (var item in element.EnumerateArray())
                {
                    items.Add(FromElement(item, depth + 1));
                }

                return items;
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.Number:
                return element.TryGetInt64(out var number) ? number : FromNumber(element.GetRawText());
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            default:
                return null;
        }
    }

    private static object? FromNode(JsonNode node, int depth)
    {
        using var document = JsonDocument.Parse(node.ToJsonString());
        return FromElement(document.RootElement, depth);
    }

    private static Dictionary<string, object?> FromPairs(IEnumerable<KeyValuePair<string, object?>> pairs, int depth)
    {
        var members = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((var key, var value) in pairs)
        {
            members[key] = From(value, depth + 1);
        }

        return members;
    }

    private static Dictionary<string, object?> FromDictionary(IDictionary dictionary, int depth)
    {
        var members = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in dictionary)
        {
            members[Convert.ToString(entry.Key, CultureInfo.InvariantCulture) ?? string.Empty] = From(entry.Value, depth + 1);
        }

        return members;
    }

    private static List<object?> FromList(IEnumerable values, int depth)
    {
        var items = new List<object?>();
        foreach (var value in values)
        {
            items.Add(From(value, depth + 1));
        }

        return items;
    }
}

/// <summary>Writes the types of <see cref="PlainValue"/> as JSON, without reflection and without unnecessary escapes.</summary>
internal static class PlainJson
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(object? value) => Write(writer => WriteValue(writer, value));

    public static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Relaxed))
        {
            write(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public static JsonElement ToElement(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Relaxed))
        {
            write(writer);
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    public static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case BigInteger number:
                writer.WriteRawValue(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case double number:
                // As System.Text.Json names them where it may: NaN, Infinity and -Infinity.
                writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case IEnumerable<KeyValuePair<string, object?>> members:
                writer.WriteStartObject();
                foreach ((var key, var member) in members)
                {
                    writer.WritePropertyName(key);
                    WriteValue(writer, member);
                }

                writer.WriteEndObject();
                break;
            case IEnumerable<object?> items:
                writer.WriteStartArray();
                foreach (var item in items)
                {
                    WriteValue(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                WriteValue(writer, PlainValue.From(value));
                break;
        }
    }
}
