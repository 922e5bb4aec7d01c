using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Converts input objects (JSON, dictionaries, sequences, scalars) to template values; containers on first access.</summary>
internal static class ValueReader
{
    public static Value Read(object? source, ContentScope scope)
    {
        var marked = scope != ContentScope.Trusted;
        switch (source)
        {
            case null:
                return Value.None;
            case string text:
                return Value.Of(text, marked);
            case bool flag:
                return Value.Of(flag);
            case JsonElement element:
                return Read(element, scope);
            case JsonDocument document:
                return Read(document.RootElement, scope);
            case JsonValue node:
                return Read(node, scope);
            case int number:
                return Value.Of(number);
            case long number:
                return Value.Of(number);
            case double number:
                return Value.Of(number);
            case float number:
                // Converted by way of its text, so that 0.1f is 0.1 and not 0.10000000149.
                return Value.Of(double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
            case decimal number:
                return PyNumber.Parse(number.ToString(CultureInfo.InvariantCulture));
            case byte or sbyte or short or ushort or uint:
                return Value.Of(Convert.ToInt64(source, CultureInfo.InvariantCulture));
            case ulong number:
                return Value.Of(new BigInteger(number));
            case BigInteger number:
                return Value.Of(number);
            case JsonObject or IReadOnlyDictionary<string, object?> or IDictionary<string, object?> or IReadOnlyDictionary<string, string>:
                return Value.Of(new PyDict(source, scope));
            case IEnumerable:
                return Value.Of(new PySequence(source, scope));
            default:
                throw new PyException(
                    $"a template value cannot be a {source.GetType().Name}: pass JSON, strings, numbers, booleans, dictionaries or lists of them");
        }
    }

    public static Value[] ReadItems(object source, ContentScope scope)
    {
        if (source is JsonElement element)
        {
            var items = new Value[element.GetArrayLength()];
            var i = 0;
            foreach (var item in element.EnumerateArray())
            {
                items[i++] = Read(item, scope);
            }

            return items;
        }

        var values = new List<Value>();
        foreach (var item in (IEnumerable)source)
        {
            values.Add(Read(item, scope));
        }

        return [.. values];
    }

    public static void ReadEntries(object source, ContentScope scope, PyDict target)
    {
        switch (source)
        {
            case JsonElement element:
                foreach (var property in element.EnumerateObject())
                {
                    var name = KnownKeys.NameOf(property);
                    Add(target, name, scope, Plain(name, Read(property.Value, ScopeBelow(scope, name)), scope));
                }

                break;
            case JsonObject node when !CanList(node):
                ReadEntries(JsonElement.Parse(node.ToJsonString(), new JsonDocumentOptions { MaxDepth = 1000 }), scope, target);
                break;
            case JsonObject node:
                foreach (var (key, value) in node)
                {
                    Add(target, key, scope, Plain(key, Read(value, ScopeBelow(scope, key)), scope));
                }

                break;
            case IReadOnlyDictionary<string, string> entries:
                foreach (var (key, value) in entries)
                {
                    Add(target, key, scope, Plain(key, Read(value, ScopeBelow(scope, key)), scope));
                }

                break;
            default:
                foreach (var (key, value) in (IEnumerable<KeyValuePair<string, object?>>)source)
                {
                    Add(target, key, scope, Plain(key, Read(value, ScopeBelow(scope, key)), scope));
                }

                break;
        }
    }

    /// <summary>Whether a node has no duplicate keys, of which the last value is used.</summary>
    private static bool CanList(JsonObject node)
    {
        try
        {
            return node.Count >= 0;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static void Add(PyDict target, string key, ContentScope scope, Value value) =>
        target.Set(Value.Of(key, scope == ContentScope.Content), value);

    private static Value Read(JsonElement element, ContentScope scope)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return Value.Of(ReadString(element), scope != ContentScope.Trusted);
            case JsonValueKind.Number:
                return PyNumber.Parse(element.GetRawText());
            case JsonValueKind.True:
                return Value.True;
            case JsonValueKind.False:
                return Value.False;
            case JsonValueKind.Object:
                return Value.Of(new PyDict(element, scope));
            case JsonValueKind.Array:
                return Value.Of(new PySequence(element, scope));
            default:
                return Value.None;
        }
    }

    private static string ReadString(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new PyException("a JSON string contains an unpaired surrogate, which is not valid text");
        }
    }

    private static Value Read(JsonValue node, ContentScope scope)
    {
        if (node.TryGetValue<JsonElement>(out var element))
        {
            return Read(element, scope);
        }

        return node.GetValueKind() switch
        {
            JsonValueKind.String => Value.Of(node.ToString(), scope != ContentScope.Trusted),
            JsonValueKind.True => Value.True,
            JsonValueKind.False => Value.False,
            JsonValueKind.Number => PyNumber.Parse(node.ToJsonString()),
            _ => Value.None,
        };
    }

    /// <summary>
    /// Gets the scope of the value of <paramref name="key"/>. Lists of messages, parts and tool calls keep the scope of their items; the arguments of
    /// a call and all other nested values are data.
    /// </summary>
    private static ContentScope ScopeBelow(ContentScope scope, string key) => scope switch
    {
        ContentScope.Trusted => ContentScope.Trusted,
        ContentScope.Messages when key is "content" or "tool_calls" or "reasoning_content" => ContentScope.Structure,
        ContentScope.Structure when key is "function" => ContentScope.Structure,
        _ => ContentScope.Content,
    };

    /// <summary>
    /// A role or the type of a part is structure, which templates write between control tokens, if it is a plain word; any other value of these keys
    /// is content.
    /// </summary>
    private static Value Plain(string key, Value value, ContentScope scope) =>
        (scope is ContentScope.Messages or ContentScope.Structure) && (key is "role" or "type") && value.IsString && IsWord(value.Text)
            ? Value.Of(value.Text)
            : value;

    private static bool IsWord(string text)
    {
        foreach (var unit in text)
        {
            if (!char.IsAsciiLetterOrDigit(unit) && unit is not ('_' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>The scope of a value in the input, which determines which of its strings are message content.</summary>
internal enum ContentScope : byte
{
    /// <summary>Not content: special tokens and trusted arguments.</summary>
    Trusted,

    /// <summary>The list of messages.</summary>
    Messages,

    /// <summary>
    /// A list of parts or tool calls, and their items: values are content, keys are not; a plain word as <c>type</c> or <c>role</c> is structure.
    /// </summary>
    Structure,

    /// <summary>Anything deeper: keys and values are content.</summary>
    Content,
}

/// <summary>The keys that occur in every conversation, cached to avoid new strings.</summary>
internal static class KnownKeys
{
    public static string NameOf(JsonProperty property)
    {
        var name = JsonMarshal.GetRawUtf8PropertyName(property);
        switch (name.Length)
        {
            case 2 when name.SequenceEqual("id"u8):
                return "id";
            case 4 when name.SequenceEqual("role"u8):
                return "role";
            case 4 when name.SequenceEqual("type"u8):
                return "type";
            case 4 when name.SequenceEqual("text"u8):
                return "text";
            case 4 when name.SequenceEqual("name"u8):
                return "name";
            case 7 when name.SequenceEqual("content"u8):
                return "content";
            case 8 when name.SequenceEqual("function"u8):
                return "function";
            case 8 when name.SequenceEqual("required"u8):
                return "required";
            case 9 when name.SequenceEqual("arguments"u8):
                return "arguments";
            case 10 when name.SequenceEqual("tool_calls"u8):
                return "tool_calls";
            case 10 when name.SequenceEqual("parameters"u8):
                return "parameters";
            case 10 when name.SequenceEqual("properties"u8):
                return "properties";
            case 11 when name.SequenceEqual("description"u8):
                return "description";
            case 12 when name.SequenceEqual("tool_call_id"u8):
                return "tool_call_id";
            default:
                return property.Name;
        }
    }
}
