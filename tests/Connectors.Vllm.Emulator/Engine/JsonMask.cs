using System.Text.Json;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>
/// Like a compiled grammar for a JSON schema: the characters that may come next, and the white space allowed between the parts. Supports objects with
/// their properties in order, arrays of one or two items, strings, integers, booleans, <c>enum</c> and <c>const</c>.
/// </summary>
internal sealed class JsonMask
{
    private const string LineBreaks = "\n ";

    /// <summary>The remaining parts, the next one on top.</summary>
    private readonly Stack<Part> _open = new();
    private readonly WhiteSpace _space;

    public JsonMask(JsonElement schema, WhiteSpace space)
    {
        _space = space;
        _open.Push(new Part(PartKind.Value, schema));
    }

    /// <summary>Whether the value is complete, so that only the end may follow.</summary>
    public bool IsComplete => _open.Count == 0;

    /// <summary>Gets the characters that may come next, starting with white space where it is allowed.</summary>
    public string Allowed()
    {
        Expand();
        if (_open.Count == 0)
        {
            return "";
        }

        var part = _open.Peek();
        return part.Kind switch
        {
            PartKind.Space => (part.Count < _space.Most ? LineBreaks : "") + Without(part).Allowed(),
            PartKind.Literal => part.Text[part.Count].ToString(),
            PartKind.Characters => "abcdefghijklmnopqrstuvwxyz \"",
            PartKind.Digits => part.Count == 0 ? "123456789" : "0123456789" + Without(part).Allowed(),
            _ => throw new InvalidOperationException($"{part.Kind} was not expanded"),
        };
    }

    /// <summary>Accepts one of the allowed characters.</summary>
    public void Accept(char character)
    {
        Expand();
        var part = _open.Pop();
        switch (part.Kind)
        {
            case PartKind.Space when LineBreaks.Contains(character, StringComparison.Ordinal) && part.Count < _space.Most:
            case PartKind.Digits when char.IsAsciiDigit(character):
                _open.Push(part with { Count = part.Count + 1 });
                break;
            case PartKind.Space or PartKind.Digits:
                Accept(character);
                break;
            case PartKind.Literal when part.Text[part.Count] == character:
                if (part.Count + 1 < part.Text.Length)
                {
                    _open.Push(part with { Count = part.Count + 1 });
                }

                break;
            case PartKind.Characters:
                if (character != '"')
                {
                    _open.Push(part with { Count = part.Count + 1 });
                }

                break;
            default:
                throw new InvalidOperationException($"'{character}' is masked");
        }
    }

    private JsonMask(JsonMask other)
    {
        _space = other._space;
        _open = new Stack<Part>(other._open.Reverse());
    }

    private JsonMask Without(Part part)
    {
        var rest = new JsonMask(this);
        if (rest._open.Pop() != part)
        {
            throw new InvalidOperationException("The part is not on top.");
        }

        return rest;
    }

    /// <summary>Expands the values on top into parts of characters.</summary>
    private void Expand()
    {
        while (_open.Count > 0 && _open.Peek().Kind == PartKind.Value)
        {
            var schema = _open.Pop().Schema;
            foreach (var part in PartsOf(schema).Reverse())
            {
                _open.Push(part);
            }
        }
    }

    private IEnumerable<Part> PartsOf(JsonElement schema)
    {
        if (schema.TryGetProperty("const", out var constant)
            || (schema.TryGetProperty("enum", out var values) && (constant = values[0]).ValueKind != JsonValueKind.Undefined))
        {
            return [Literal(constant.GetRawText())];
        }

        return schema.TryGetProperty("type", out var type) ? type.GetString() switch
        {
            "object" => ObjectOf(schema),
            "array" => [Literal("["), .. Space(), Value(schema.GetProperty("items")), .. Space(), Literal("]")],
            "string" => [Literal("\""), new Part(PartKind.Characters)],
            "boolean" => [Literal("true")],
            _ => [new Part(PartKind.Digits)],
        } : [Literal("null")];
    }

    private IEnumerable<Part> ObjectOf(JsonElement schema)
    {
        yield return Literal("{");
        var isFirst = true;
        foreach (var property in schema.TryGetProperty("properties", out var properties) ? properties.EnumerateObject() : default)
        {
            if (!isFirst)
            {
                foreach (var part in Separator(","))
                {
                    yield return part;
                }
            }
            else
            {
                foreach (var part in Space())
                {
                    yield return part;
                }
            }

            isFirst = false;
            yield return Literal($"\"{property.Name}\"");
            foreach (var part in Separator(":"))
            {
                yield return part;
            }

            yield return Value(property.Value);
        }

        foreach (var part in Space())
        {
            yield return part;
        }

        yield return Literal("}");
    }

    private IEnumerable<Part> Separator(string sign) => _space.IsFixed ? [Literal(sign + " ")] : [.. Space(), Literal(sign), .. Space()];

    private IEnumerable<Part> Space() => _space.IsFixed ? [] : [new Part(PartKind.Space)];

    private static Part Literal(string text) => new(PartKind.Literal, Text: text);

    private static Part Value(JsonElement schema) => new(PartKind.Value, schema);

    private enum PartKind
    {
        Value,
        Literal,
        Space,
        Characters,
        Digits,
    }

    private readonly record struct Part(PartKind Kind, JsonElement Schema = default, string Text = "", int Count = 0);
}

/// <summary>The white space between the parts of JSON: fixed, or limited to a number of characters in each place.</summary>
internal readonly record struct WhiteSpace(bool IsFixed, int Most)
{
    /// <summary>
    /// Reads it from a constraint, like the compilers: xgrammar from a key of the tag's format, llguidance from a key of the schema.
    /// </summary>
    public static (JsonElement Schema, WhiteSpace Space) Of(Testing.Generation.Constraint constraint, bool isGuidance)
    {
        var root = JsonDocument.Parse(constraint.Text).RootElement;
        var format = root.TryGetProperty("format", out var tag) ? tag : default;
        var schema = format.ValueKind == JsonValueKind.Object ? format.GetProperty("json_schema") : root;
        var isFixed = isGuidance && schema.TryGetProperty("x-guidance", out var keys)
            && keys.TryGetProperty("whitespace_flexible", out var flexible) && flexible.ValueKind == JsonValueKind.False;
        var most = !isGuidance && format.ValueKind == JsonValueKind.Object && format.TryGetProperty("max_whitespace_cnt", out var count)
            ? count.GetInt32()
            : int.MaxValue;
        return (schema, new WhiteSpace(isFixed, most));
    }
}

/// <summary>A model that writes a line break wherever its constraint allows it, like many small models.</summary>
internal static class LineBreakModel
{
    /// <summary>Generates the answer character by character, up to <paramref name="most"/> characters or the end of the constraint.</summary>
    public static (string Text, bool IsComplete) Write(Testing.Generation.Constraint constraint, bool isGuidance, int most)
    {
        var (schema, space) = WhiteSpace.Of(constraint, isGuidance);
        var mask = new JsonMask(schema, space);
        var text = new System.Text.StringBuilder();
        while (!mask.IsComplete && text.Length < most)
        {
            var allowed = mask.Allowed();

            // The first allowed character is preferred, except inside strings and numbers, which would otherwise never end.
            var isLong = text.Length > 2 && char.IsAsciiLetterOrDigit(text[^1]);
            var next = isLong && allowed.Contains('"', StringComparison.Ordinal) && allowed.Length > 1 ? '"'
                : isLong && char.IsAsciiDigit(text[^1]) && allowed.Length > 10 ? allowed[10]
                : allowed[0];
            mask.Accept(next);
            text.Append(next);
        }

        return (text.ToString(), mask.IsComplete);
    }
}
