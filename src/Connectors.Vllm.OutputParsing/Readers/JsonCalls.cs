using System.Text.Json;
using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads calls out of complete JSON text; the arguments keep the model's spelling.</summary>
internal static class JsonCalls
{
    /// <summary>A call from an object such as <c>{"name": …, "arguments": …}</c>; null when it has no name.</summary>
    public static ParsedCall? FromObject(ReadOnlySpan<char> text, JsonCallKeys keys)
    {
        using var document = JsonText.ParseCall(text);
        return document is null ? null : FromElement(document.RootElement, keys);
    }

    /// <summary>Gets the name in an object that is not valid JSON after it; empty if the name is missing or comes later.</summary>
    public static string NameIn(ReadOnlySpan<char> text, JsonCallKeys keys)
    {
        var utf8 = Encoding.UTF8.GetBytes(JsonText.WellFormed(text));
        var reader = new Utf8JsonReader(utf8, isFinalBlock: false, state: default);
        try
        {
            var isName = false;
            while (reader.Read())
            {
                if (isName && reader.TokenType == JsonTokenType.String)
                {
                    return reader.GetString()!;
                }

                isName = reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1 && keys.Name.Contains(reader.GetString()!);
            }
        }
        catch (JsonException)
        {
            // Here the JSON ends.
        }

        return "";
    }

    /// <summary>A call with a known name and JSON text that should be its arguments.</summary>
    public static ParsedCall FromArguments(string name, ReadOnlySpan<char> text, string? id = null)
    {
        var trimmed = text.Trim();
        if (trimmed.IsEmpty)
        {
            return ParsedCall.Of(name, "{}", id);
        }

        using var document = JsonText.ParseCall(trimmed);
        return document is null
            ? ParsedCall.Malformed(name, trimmed, "The arguments are not valid JSON.", id)
            : FromArguments(name, document.RootElement, id);
    }

    private static ParsedCall? FromElement(JsonElement element, JsonCallKeys keys)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (keys.NameIsKey)
        {
            using var members = element.EnumerateObject();
            return members.MoveNext() && members.Current is var only && !members.MoveNext() && only.Name.Length > 0
                ? FromArguments(only.Name, only.Value, null)
                : null;
        }

        // OpenAI's own form wraps the function once more.
        if (element.TryGetProperty("function", out var inner) && inner.ValueKind == JsonValueKind.Object)
        {
            element = inner;
        }

        var id = Member(element, keys.Id) is { ValueKind: JsonValueKind.String } idElement ? idElement.GetString() : null;
        if (Member(element, keys.Name) is not { ValueKind: JsonValueKind.String } nameElement || nameElement.GetString() is not { Length: > 0 } name)
        {
            return null;
        }

        return Member(element, keys.Arguments) is { } arguments ? FromArguments(name, arguments, id) : ParsedCall.Of(name, "{}", id);
    }

    private static ParsedCall FromArguments(string name, JsonElement arguments, string? id)
    {
        switch (arguments.ValueKind)
        {
            case JsonValueKind.Object:
                return ParsedCall.Of(name, arguments.GetRawText(), id);
            case JsonValueKind.Null:
                return ParsedCall.Of(name, "{}", id);
            case JsonValueKind.String:
                // Some models encode the arguments twice.
                var text = arguments.GetString()!;
                using (var inner = JsonText.ParseCall(text))
                {
                    return string.IsNullOrWhiteSpace(text) ? ParsedCall.Of(name, "{}", id)
                        : inner?.RootElement.ValueKind == JsonValueKind.Object ? ParsedCall.Of(name, inner.RootElement.GetRawText(), id)
                        : ParsedCall.Malformed(name, text, "The arguments are a string that does not contain a JSON object.", id);
                }

            default:
                return ParsedCall.Malformed(name, arguments.GetRawText(), "The arguments are not a JSON object.", id);
        }
    }

    private static JsonElement? Member(JsonElement element, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (element.TryGetProperty(name, out var value))
            {
                return value;
            }
        }

        return null;
    }
}

/// <summary>Under which keys a JSON call keeps its parts; the first key that is there counts.</summary>
internal sealed record JsonCallKeys
{
    public static readonly JsonCallKeys Usual = new();

    public IReadOnlyList<string> Name { get; init; } = ["name"];

    public IReadOnlyList<string> Arguments { get; init; } = ["arguments", "parameters"];

    public IReadOnlyList<string> Id { get; init; } = [];

    /// <summary>The object has one member: its key is the name, its value the arguments (Apertus).</summary>
    public bool NameIsKey { get; init; }
}
