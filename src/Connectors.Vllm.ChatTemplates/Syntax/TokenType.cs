namespace Connectors.Vllm.ChatTemplates;

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

    /// <summary>An operator or bracket; the token's text says which.</summary>
    Operator,
}
