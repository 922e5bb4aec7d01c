namespace Connectors.Vllm.ChatTemplates;

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
