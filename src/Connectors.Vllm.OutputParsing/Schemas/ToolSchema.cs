using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>The schema of a tool's arguments, as far as typing text values needs it.</summary>
internal sealed class ToolSchema(JsonElement? schema)
{
    public static readonly ToolSchema Unknown = new(null);

    private readonly Dictionary<string, ValueTypes> _types = new(StringComparer.Ordinal);

    /// <summary>The root of the schema.</summary>
    public SchemaNode Root => new(schema, schema);

    /// <summary>True when the tool's schema is known.</summary>
    public bool IsKnown => schema is { ValueKind: JsonValueKind.Object };

    /// <summary>True when the parameter is declared.</summary>
    public bool Declares(string parameter) => Root.Declares(parameter);

    /// <summary>True when the tool takes arguments of these names, and no required one is missing.</summary>
    public bool Fits(IReadOnlySet<string> names) => IsKnown && names.All(Declares)
        && (!schema!.Value.TryGetProperty("required", out var required) || required.ValueKind != JsonValueKind.Array
            || required.EnumerateArray().All(name => name.ValueKind != JsonValueKind.String || names.Contains(name.GetString()!)));

    /// <summary>The types a parameter may have.</summary>
    public ValueTypes Types(string parameter)
    {
        if (!_types.TryGetValue(parameter, out var types))
        {
            _types[parameter] = types = Root.Property(parameter).Types;
        }

        return types;
    }

    /// <summary>JSON text of a parameter's value that came as plain text.</summary>
    public string Coerce(string parameter, ReadOnlySpan<char> text)
    {
        var types = Types(parameter);
        return ValueCoercer.Coerce(text, types, types.HasFlag(ValueTypes.Text) && Root.Property(parameter).HasTextMember(text.ToString()));
    }
}
