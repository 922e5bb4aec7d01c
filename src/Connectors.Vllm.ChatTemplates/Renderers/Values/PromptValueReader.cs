using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates.Values;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Reads what callers pass as messages, tools and options (JSON or plain collections) into <see cref="PromptValue"/>.</summary>
internal static class PromptValueReader
{
    private const int MaxDepth = 128;

    /// <exception cref="ChatTemplateException">The value nests too deeply or is of a type that has no JSON form.</exception>
    public static PromptValue Read(object? value, string what) => Read(value, what, 0);

    private static PromptValue Read(object? value, string what, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ChatTemplateException($"{what} nests deeper than {MaxDepth} levels.");
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
                    $"{what} holds a value of type {value.GetType()}; "
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
