using System.Buffers;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Finds the end of a JSON object or array lexically, as characters arrive: depth, string, escape. No recursion, no limits, linear.
/// </summary>
internal struct JsonScanner
{
    private static readonly SearchValues<char> InString = SearchValues.Create("\"\\");
    private static readonly SearchValues<char> Structure = SearchValues.Create("\"{}[]<>()`;|#$%&'*/=?@^~!");

    private int _position;
    private bool _inString;
    private bool _escaped;

    /// <summary>Nesting depth at the position reached.</summary>
    public int Depth { get; private set; }

    /// <summary>Position reached; after success the end of the value, after <see cref="IsBroken"/> the character no JSON can have there.</summary>
    public readonly int Position => _position;

    /// <summary>True when a character came that JSON does not have outside of strings.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>True when the end of the value was found.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Starts at the opening bracket of a value.</summary>
    public static JsonScanner At(int position) => new() { _position = position };

    /// <summary>Goes on; true when the value is complete.</summary>
    public bool Advance(ReadOnlySpan<char> text)
    {
        while (_position < text.Length)
        {
            if (_escaped)
            {
                _escaped = false;
                _position++;
                continue;
            }

            var next = text[_position..].IndexOfAny(_inString ? InString : Structure);
            if (next < 0)
            {
                _position = text.Length;
                return false;
            }

            _position += next;
            var c = text[_position];
            if (_inString)
            {
                (_escaped, _inString) = (c == '\\', c != '"');
            }
            else if (c is '{' or '[')
            {
                Depth++;
            }
            else if (c is '}' or ']')
            {
                if (--Depth <= 0)
                {
                    _position++;
                    IsComplete = true;
                    return true;
                }
            }
            else if (c == '"')
            {
                _inString = true;
            }
            else
            {
                IsBroken = true;
                return false;
            }

            _position++;
        }

        return false;
    }
}
