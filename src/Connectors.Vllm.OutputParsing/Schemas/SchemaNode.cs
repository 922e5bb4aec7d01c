using System.Text;
using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>One place in a JSON schema: which types a value may have there. Local references are followed, to a bounded depth.</summary>
internal readonly struct SchemaNode(JsonElement? schema, JsonElement? root)
{
    private const int MaxDepth = 16;

    /// <summary>The allowed types.</summary>
    public ValueTypes Types => Collect(schema, 0);

    /// <summary>True when a value of this text is one of the enumerated strings.</summary>
    public bool HasTextMember(string text) => HasTextMember(schema, text, 0);

    /// <summary>Gets the schema of a property; an empty one if it is not declared.</summary>
    public SchemaNode Property(string name) => new(Find(schema, "properties", name, 0), root);

    /// <summary>True when the property is declared.</summary>
    public bool Declares(string name) => Find(schema, "properties", name, 0) is not null;

    /// <summary>Number of declared properties.</summary>
    public int DeclaredCount => Find(schema, "properties", null, 0) is { ValueKind: JsonValueKind.Object } all ? all.EnumerateObject().Count() : 0;

    /// <summary>The schema of an array's items.</summary>
    public SchemaNode Items => new(Find(schema, "items", null, 0), root);

    private ValueTypes Collect(JsonElement? at, int depth)
    {
        if (at is not { ValueKind: JsonValueKind.Object } node || depth > MaxDepth)
        {
            return ValueTypes.Unknown;
        }

        var types = node.TryGetProperty("type", out var type) ? FromType(type) : ValueTypes.Unknown;
        foreach (var keyword in (ReadOnlySpan<string>)["anyOf", "oneOf"])
        {
            if (node.TryGetProperty(keyword, out var members) && members.ValueKind == JsonValueKind.Array)
            {
                foreach (var member in members.EnumerateArray())
                {
                    types |= Collect(member, depth + 1);
                }
            }
        }

        if (node.TryGetProperty("allOf", out var all) && all.ValueKind == JsonValueKind.Array)
        {
            foreach (var member in all.EnumerateArray())
            {
                var more = Collect(member, depth + 1);
                types = types == ValueTypes.Unknown ? more : more == ValueTypes.Unknown || (types & more) == 0 ? types : types & more;
            }
        }

        if (types == ValueTypes.Unknown && node.TryGetProperty("$ref", out _))
        {
            types = Collect(Resolve(node), depth + 1);
        }

        if (types == ValueTypes.Unknown && node.TryGetProperty("enum", out var values) && values.ValueKind == JsonValueKind.Array)
        {
            foreach (var value in values.EnumerateArray())
            {
                types |= FromValue(value);
            }
        }

        if (types == ValueTypes.Unknown && node.TryGetProperty("const", out var constant))
        {
            types = FromValue(constant);
        }

        return types != ValueTypes.Unknown ? types
            : node.TryGetProperty("properties", out _) || node.TryGetProperty("additionalProperties", out _) ? ValueTypes.Map
            : node.TryGetProperty("items", out _) ? ValueTypes.List
            : ValueTypes.Unknown;
    }

    private bool HasTextMember(JsonElement? at, string text, int depth)
    {
        if (at is not { ValueKind: JsonValueKind.Object } node || depth > MaxDepth)
        {
            return false;
        }

        if (node.TryGetProperty("enum", out var values) && values.ValueKind == JsonValueKind.Array
            && values.EnumerateArray().Any(value => value.ValueKind == JsonValueKind.String && value.ValueEquals(text)))
        {
            return true;
        }

        return node.TryGetProperty("$ref", out _) && HasTextMember(Resolve(node), text, depth + 1);
    }

    private JsonElement? Find(JsonElement? at, string keyword, string? name, int depth)
    {
        if (at is not { ValueKind: JsonValueKind.Object } node || depth > MaxDepth)
        {
            return null;
        }

        if (node.TryGetProperty(keyword, out var found))
        {
            if (name is null)
            {
                return found;
            }

            // As UTF-8: a name with half a surrogate pair, which a model may write, has no other form in JSON.
            if (found.ValueKind == JsonValueKind.Object && found.TryGetProperty(Encoding.UTF8.GetBytes(name), out var member))
            {
                return member;
            }
        }

        if (node.TryGetProperty("$ref", out _) && Find(Resolve(node), keyword, name, depth + 1) is { } referred)
        {
            return referred;
        }

        foreach (var union in (ReadOnlySpan<string>)["allOf", "anyOf", "oneOf"])
        {
            if (node.TryGetProperty(union, out var members) && members.ValueKind == JsonValueKind.Array)
            {
                foreach (var member in members.EnumerateArray())
                {
                    if (Find(member, keyword, name, depth + 1) is { } inner)
                    {
                        return inner;
                    }
                }
            }
        }

        return null;
    }

    /// <summary>Gets the name that a part of a reference represents.</summary>
    public static string Unescape(string part) =>
        Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    private JsonElement? Resolve(JsonElement node)
    {
        if (root is not { } at || node.GetProperty("$ref") is not { ValueKind: JsonValueKind.String } reference
            || reference.GetString() is not ['#', .. var path])
        {
            return null;
        }

        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(Unescape(part), out at))
            {
                return null;
            }
        }

        return at;
    }

    private static ValueTypes FromType(JsonElement type)
    {
        if (type.ValueKind == JsonValueKind.Array)
        {
            return type.EnumerateArray().Aggregate(ValueTypes.Unknown, (types, member) => types | FromType(member));
        }

        return type.ValueKind == JsonValueKind.String ? FromName(type.GetString()!) : ValueTypes.Unknown;
    }

    // Names that tool authors write instead of JSON schema's own.
    private static ValueTypes FromName(string name)
    {
        var type = name.Trim().ToLowerInvariant();
        return type switch
        {
            "null" or "none" => ValueTypes.Null,
            "string" or "str" or "text" or "varchar" or "char" or "enum" => ValueTypes.Text,
            "boolean" or "bool" or "binary" => ValueTypes.Truth,
            "object" or "dict" or "map" => ValueTypes.Map,
            "array" or "arr" or "list" or "sequence" or "tuple" => ValueTypes.List,
            _ when StartsWithAny(type, "int", "uint", "long", "short", "unsigned") => ValueTypes.Whole,
            _ when StartsWithAny(type, "num", "float", "double") => ValueTypes.Number,
            _ => ValueTypes.Unknown,
        };
    }

    private static bool StartsWithAny(string text, params ReadOnlySpan<string> prefixes)
    {
        foreach (var prefix in prefixes)
        {
            if (text.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static ValueTypes FromValue(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => ValueTypes.Text,
        JsonValueKind.Number => value.GetRawText().AsSpan().ContainsAny(".eE") ? ValueTypes.Number : ValueTypes.Whole,
        JsonValueKind.True or JsonValueKind.False => ValueTypes.Truth,
        JsonValueKind.Null => ValueTypes.Null,
        JsonValueKind.Object => ValueTypes.Map,
        JsonValueKind.Array => ValueTypes.List,
        _ => ValueTypes.Unknown,
    };
}

/// <summary>The JSON types a schema allows.</summary>
[Flags]
internal enum ValueTypes
{
    /// <summary>The schema specifies no type.</summary>
    Unknown = 0,
    Null = 1,
    Whole = 2,
    Number = 4,
    Truth = 8,
    Map = 16,
    List = 32,
    Text = 64,
}

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

    /// <summary>Whether the tool accepts arguments with these names and no required one is missing.</summary>
    public bool Fits(IReadOnlySet<string> names) => !IsKnown ? names.Count == 0 : names.All(Declares)
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
