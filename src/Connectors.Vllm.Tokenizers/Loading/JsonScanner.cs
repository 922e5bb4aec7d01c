using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// A forward-only reader for the values that make up nearly all of a tokenizer.json: objects and arrays of strings and integers. It reads a
/// vocabulary several times as fast as a general reader, even in a cold process; everything else is passed to <see cref="Utf8JsonReader"/>. The input
/// must be valid UTF-8. Errors are <see cref="TokenizerException"/>s with the byte offset.
/// </summary>
internal ref struct JsonScanner
{
    private readonly ReadOnlySpan<byte> _json;
    private readonly string _file;
    private byte[] _unescaped;

    public JsonScanner(ReadOnlySpan<byte> json, string file, int position = 0)
    {
        _json = json;
        _file = file;
        _unescaped = [];
        Position = position;
    }

    /// <summary>The offset of the next byte.</summary>
    public int Position { readonly get; set; }

    public readonly bool AtEnd => Position >= _json.Length;

    /// <summary>Peeks at the next byte that is not white space; 0 at the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte Peek()
    {
        while (Position < _json.Length)
        {
            var value = _json[Position];
            if (value is not ((byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t'))
            {
                return value;
            }

            Position++;
        }

        return 0;
    }

    /// <summary>Consumes the expected byte and the white space before it; throws if another byte follows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Expect(byte expected)
    {
        if (Peek() != expected)
        {
            throw Unexpected($"'{(char)expected}'");
        }

        Position++;
    }

    /// <summary>Moves to the next item of an object or array; false if <paramref name="close"/> was consumed.</summary>
    /// <param name="first">True before the first item; becomes false.</param>
    /// <param name="close">The closing bracket.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MoveNext(ref bool first, byte close)
    {
        var next = Peek();
        if (next == close)
        {
            Position++;
            return false;
        }

        if (!first)
        {
            Expect((byte)',');
            if (Peek() == close)
            {
                throw Unexpected("a value");
            }
        }

        first = false;
        return true;
    }

    /// <summary>
    /// Reads a string as UTF-8: a slice of the input if nothing is escaped, otherwise a buffer that the next escaped string overwrites.
    /// </summary>
    public ReadOnlySpan<byte> ReadString()
    {
        Expect((byte)'"');
        var start = Position;
        for (var i = start; i < _json.Length; i++)
        {
            var value = _json[i];
            if (value == '"')
            {
                Position = i + 1;
                return _json[start..i];
            }

            if (value == '\\')
            {
                return Unescape(start, i);
            }

            if (value < ' ')
            {
                break;
            }
        }

        Position = start;
        throw Error("the string is not terminated, or contains a control character");
    }

    /// <summary>Reads an integer from 0 to int.MaxValue; false, with nothing consumed, if something else follows.</summary>
    public bool TryReadNumber(out int number)
    {
        Peek();
        var i = Position;
        var value = 0L;
        while (i < _json.Length && (uint)(_json[i] - '0') < 10 && value <= int.MaxValue)
        {
            value = (value * 10) + _json[i++] - '0';
        }

        number = (int)value;
        var digits = i - Position;
        if (digits == 0 || value > int.MaxValue || (digits > 1 && _json[Position] == '0')
            || i >= _json.Length || _json[i] is (byte)'.' or (byte)'e' or (byte)'E')
        {
            return false;
        }

        Position = i;
        return true;
    }

    /// <summary>Reads any value, after reserving the memory that it may need.</summary>
    public JsonElement ReadValue(LoadBudget budget, string what)
    {
        var start = Position;
        SkipValue();
        budget.ReserveJson(Position - start, what);
        Position = start;
        Peek();
        var reader = new Utf8JsonReader(_json[Position..]);
        using var document = JsonDocument.ParseValue(ref reader);
        Position += (int)reader.BytesConsumed;
        return document.RootElement.Clone();
    }

    /// <summary>Validates and skips any value.</summary>
    public void SkipValue()
    {
        Peek();
        var reader = new Utf8JsonReader(_json[Position..]);
        reader.Read();
        reader.Skip();
        Position += (int)reader.BytesConsumed;
    }

    public readonly TokenizerException Error(string message) =>
        new($"{message}; the JSON is malformed or truncated; download the file again", _file, $"byte {Position}");

    private readonly TokenizerException Unexpected(string expected) =>
        Error(AtEnd ? $"the file ends where {expected} is expected" : $"{expected} is expected, not '{(char)_json[Position]}'");

    private ReadOnlySpan<byte> Unescape(int start, int at)
    {
        var end = at;
        while (end < _json.Length && _json[end] != '"')
        {
            end += _json[end] == '\\' ? 2 : 1;
        }

        if (end >= _json.Length)
        {
            Position = start;
            throw Error("the string is not terminated");
        }

        // An escape sequence is never shorter than the character it represents.
        if (_unescaped.Length < end - start)
        {
            _unescaped = new byte[Math.Max(256, (end - start) * 2)];
        }

        var output = _unescaped.AsSpan();
        _json[start..at].CopyTo(output);
        var length = at - start;
        for (var i = at; i < end;)
        {
            Position = i;
            var value = _json[i];
            if (value < ' ')
            {
                throw Error("the string contains a control character");
            }

            if (value != '\\')
            {
                output[length++] = value;
                i++;
                continue;
            }

            var letter = _json[i + 1];
            i += 2;
            if (letter == 'u')
            {
                length += ReadUnicode(ref i, end, output[length..]);
                continue;
            }

            output[length++] = letter switch
            {
                (byte)'"' or (byte)'\\' or (byte)'/' => letter,
                (byte)'b' => (byte)'\b',
                (byte)'f' => (byte)'\f',
                (byte)'n' => (byte)'\n',
                (byte)'r' => (byte)'\r',
                (byte)'t' => (byte)'\t',
                _ => throw Error($"'\\{(char)letter}' is no escape"),
            };
        }

        Position = end + 1;
        return output[..length];
    }

    private readonly int ReadUnicode(ref int at, int end, Span<byte> output)
    {
        var unit = ReadHex(ref at, end);
        if (char.IsSurrogate(unit))
        {
            if (!char.IsHighSurrogate(unit) || at + 2 > end || _json[at] != '\\' || _json[at + 1] != 'u')
            {
                throw Error("the string contains an unpaired surrogate");
            }

            at += 2;
            var low = ReadHex(ref at, end);
            return char.IsLowSurrogate(low) ? new Rune(unit, low).EncodeToUtf8(output) : throw Error("the string contains an unpaired surrogate");
        }

        return new Rune(unit).EncodeToUtf8(output);
    }

    private readonly char ReadHex(ref int at, int end)
    {
        if (at + 4 > end || !ushort.TryParse(_json.Slice(at, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var unit))
        {
            throw Error("four hexadecimal digits are expected");
        }

        at += 4;
        return (char)unit;
    }
}
