using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>A token: its text (unescaped for strings) and its offset in the source.</summary>
internal readonly record struct Token(TokenType Type, string Text, int Position)
{
    public bool IsName(string name) => Type == TokenType.Name && Text == name;

    public bool IsOperator(string symbol) => Type == TokenType.Operator && Text == symbol;

    public override string ToString() => Type switch
    {
        TokenType.Eof => "end of template",
        TokenType.Data => "template text",
        TokenType.VariableBegin => "begin of print statement",
        TokenType.VariableEnd => "end of print statement",
        TokenType.BlockBegin => "begin of statement block",
        TokenType.BlockEnd => "end of statement block",
        TokenType.String => "string",
        _ => Text,
    };
}

internal enum TokenType : byte
{
    Eof,
    Data,
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,

    /// <summary>An operator or bracket, given by the token's text.</summary>
    Operator,
}

/// <summary>The tokens and the parser's position.</summary>
internal sealed class TokenStream(List<Token> tokens)
{
    private int _at;

    public Token Current => tokens[_at];

    public Token Look => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public Token Next()
    {
        var token = tokens[_at];
        _at = Math.Min(_at + 1, tokens.Count - 1);
        return token;
    }

    public bool SkipName(string name)
    {
        var found = Current.IsName(name);
        if (found)
        {
            Next();
        }

        return found;
    }

    public bool SkipOperator(string symbol)
    {
        var found = Current.IsOperator(symbol);
        if (found)
        {
            Next();
        }

        return found;
    }

    public Token Expect(TokenType type, string expected)
    {
        if (Current.Type != type)
        {
            throw Unexpected(expected);
        }

        return Next();
    }

    public Token ExpectOperator(string symbol) => Current.IsOperator(symbol) ? Next() : throw Unexpected($"'{symbol}'");

    public Token ExpectName(string name) => Current.IsName(name) ? Next() : throw Unexpected($"'{name}'");

    public TemplateSyntaxException Unexpected(string expected) => new($"expected {expected}, got '{Current}'", Current.Position);
}
