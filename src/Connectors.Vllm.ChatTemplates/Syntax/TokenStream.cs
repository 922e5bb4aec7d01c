namespace Connectors.Vllm.ChatTemplates;

/// <summary>The tokens with the parser's place in them.</summary>
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
