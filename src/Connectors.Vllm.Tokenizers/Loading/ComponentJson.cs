using System.Text.Json;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>A part of tokenizer.json with its location, for error messages.</summary>
/// <param name="Element">The JSON value.</param>
/// <param name="Path">The JSON path, for example <c>$.normalizer.normalizers[0]</c>.</param>
/// <param name="File">The file's name.</param>
/// <param name="Budget">The memory budget for loading; null for no limit.</param>
internal sealed record ComponentJson(JsonElement Element, string Path, string File, LoadBudget? Budget = null)
{
    /// <summary>The <c>type</c> of the value, or null.</summary>
    public string? Type => OptionalString("type");

    public bool IsNull => Element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool Has(string name) =>
        Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Gets a property; throws if it is missing.</summary>
    public ComponentJson Required(string name) => Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out var value)
        ? new ComponentJson(value, $"{Path}.{name}", File, Budget)
        : throw Error($"the property '{name}' is missing");

    /// <summary>Gets a property; null if it is missing or JSON null.</summary>
    public ComponentJson? Optional(string name) => Has(name) ? Required(name) : null;

    public string String(string name) => Required(name).AsString();

    public string? OptionalString(string name) => Optional(name)?.AsString();

    public bool Bool(string name, bool otherwise) => Optional(name)?.AsBool() ?? otherwise;

    public int Int(string name, int otherwise) => Optional(name)?.AsInt() ?? otherwise;

    /// <summary>Gets the items of an array property; throws if it is missing or not an array.</summary>
    public List<ComponentJson> Items(string name) => Required(name).AsItems();

    public List<ComponentJson> AsItems()
    {
        if (Element.ValueKind != JsonValueKind.Array)
        {
            throw Error($"an array is expected, not {Element.ValueKind}");
        }

        // The size of an item with its path.
        Budget?.Reserve(128L * Element.GetArrayLength(), Path);
        var items = new List<ComponentJson>(Element.GetArrayLength());
        foreach (var item in Element.EnumerateArray())
        {
            items.Add(new ComponentJson(item, $"{Path}[{items.Count}]", File, Budget));
        }

        return items;
    }

    public string AsString()
    {
        if (Element.ValueKind != JsonValueKind.String)
        {
            throw Error($"a string is expected, not {Element.ValueKind}");
        }

        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw new TokenizerException("the string contains an unpaired surrogate", File, Path, exception);
        }
    }

    public bool AsBool() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Error($"true or false is expected, not {Element.ValueKind}"),
    };

    public int AsInt() => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out var value)
        ? value
        : throw Error($"a whole number is expected, not {Element.ValueKind}");

    public double AsDouble() => Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out var value)
        ? value
        : throw Error($"a number is expected, not {Element.ValueKind}");

    /// <summary>Creates an exception with this location. <paramref name="message"/> says what is wrong and, if possible, what to try.</summary>
    public TokenizerException Error(string message, Exception? innerException = null) => new(message, File, Path, innerException);

    /// <summary>Creates the exception for an unknown component.</summary>
    public TokenizerException Unknown(string family) => Error(
        $"the {family} type '{Type ?? "(none)"}' is not supported; check that the file is a tokenizer.json of the `tokenizers` library, version 1.0");
}
