using System.Buffers;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Finds the end of an object, array or call lexically, as characters arrive: depth, string, escape. Of JSON, or of Python with its other quotes and
/// its parentheses. No recursion, no limits, linear.
/// </summary>
internal struct BracketScanner
{
    private static readonly SearchValues<char> Json = SearchValues.Create("\"{}[]<>()`;|#$%&'*/=?@^~!");
    private static readonly SearchValues<char> Python = SearchValues.Create("\"'()[]{}<");

    private SearchValues<char> _structure;
    private string _quote;

    /// <summary>Nesting depth at the position reached.</summary>
    public int Depth { get; private set; }

    /// <summary>Position reached; after success the end of the value, after <see cref="IsBroken"/> the character that cannot stand there.</summary>
    public int Position { get; private set; }

    /// <summary>True at a character that JSON does not have outside of strings; in Python, at an angle bracket.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>True when the end of the value was found.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Starts at the opening bracket of a value.</summary>
    public static BracketScanner At(int position) => new() { Position = position, _structure = Json, _quote = "" };

    /// <summary>Starts at the opening bracket of Python's list, or at the name of a call.</summary>
    public static BracketScanner OfPythonAt(int position) => new() { Position = position, _structure = Python, _quote = "" };

    /// <summary>Continues the scan; true if the value is complete.</summary>
    public bool Advance(ReadOnlySpan<char> text)
    {
        while (Position < text.Length)
        {
            if (_quote.Length > 0)
            {
                if (!SkipString(text))
                {
                    return false;
                }

                continue;
            }

            var next = text[Position..].IndexOfAny(_structure);
            Position = next < 0 ? text.Length : Position + next;
            if (next < 0 || !Take(text[Position..]) || IsComplete)
            {
                return IsComplete;
            }
        }

        return false;
    }

    /// <summary>Goes over the character that broke the value, or on after its end.</summary>
    public void Resume()
    {
        Position += IsBroken ? 1 : 0;
        Depth = IsComplete ? 0 : Depth;
        (IsBroken, IsComplete) = (false, false);
    }

    /// <summary>Takes the bracket or quote at the position; false where the value breaks, or more characters are needed.</summary>
    private bool Take(ReadOnlySpan<char> rest)
    {
        var isPython = _structure == Python;
        switch (rest[0])
        {
            case '{' or '[':
            case '(' when isPython:
                Depth++;
                break;
            case '}' or ']':
            case ')' when isPython:
                IsComplete = --Depth <= 0;
                break;
            case '"':
            case '\'' when isPython:
                var quote = rest[..1];
                if (isPython && (rest.Length == 1 || (rest.Length == 2 && rest[1] == quote[0])))
                {
                    // Two quotes are an empty string or half of a triple quote: the third character tells.
                    return false;
                }

                var isTriple = isPython && rest.Length > 2 && rest[1] == quote[0] && rest[2] == quote[0];
                _quote = isTriple ? rest[..3].ToString() : quote is "\"" ? "\"" : "'";
                Position += _quote.Length - 1;
                break;
            default:
                IsBroken = true;
                return false;
        }

        Position++;
        return true;
    }

    private bool SkipString(ReadOnlySpan<char> text)
    {
        while (true)
        {
            var next = text[Position..].IndexOfAny(_quote[0], '\\');
            Position = next < 0 ? text.Length : Position + next;
            if (next < 0 || (text[Position] == '\\' && Position + 1 == text.Length))
            {
                return false;
            }

            if (text[Position] == '\\')
            {
                Position += 2;
            }
            else if (text[Position..].StartsWith(_quote, StringComparison.Ordinal))
            {
                Position += _quote.Length;
                _quote = "";
                return true;
            }
            else if (text.Length - Position < _quote.Length)
            {
                return false;
            }
            else
            {
                Position++;
            }
        }
    }
}
