using System.Text;
using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>Parses what needs no operand: names, literals, lists, dictionaries and parentheses.</summary>
internal sealed class PrimaryParser(TokenStream tokens, ExpressionParser expressions, ExpressionLimits limits)
{
    public Expr Parse()
    {
        var token = tokens.Current;
        switch (token.Type)
        {
            case TokenType.Name:
                tokens.Next();
                return limits.Admit<Expr>(token.Text switch
                {
                    "true" or "True" => new ConstExpr(Value.True, token.Position),
                    "false" or "False" => new ConstExpr(Value.False, token.Position),
                    "none" or "None" => new ConstExpr(Value.None, token.Position),
                    _ => new NameExpr(token.Text, token.Position),
                });
            case TokenType.String:
                return limits.Admit(new ConstExpr(Value.Of(ParseStrings()), token.Position));
            case TokenType.Integer or TokenType.Float:
                tokens.Next();
                return limits.Admit(new ConstExpr(ParseNumber(token), token.Position));
            case TokenType.Operator when token.Text == "(":
                tokens.Next();
                var inner = expressions.ParseTuple(inParentheses: true);
                tokens.ExpectOperator(")");
                return inner;
            case TokenType.Operator when token.Text == "[":
                return ParseList();
            case TokenType.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw new TemplateSyntaxException($"unexpected '{token}'", token.Position);
        }
    }

    /// <summary>Adjacent string literals are one string.</summary>
    private string ParseStrings()
    {
        var text = tokens.Next().Text;
        if (tokens.Current.Type != TokenType.String)
        {
            return text;
        }

        var all = new StringBuilder(text);
        while (tokens.Current.Type == TokenType.String)
        {
            all.Append(tokens.Next().Text);
        }

        return all.ToString();
    }

    public static Value ParseNumber(Token token)
    {
        try
        {
            return token.Type == TokenType.Float ? PyNumber.Parse(token.Text)
                : PyNumber.TryParseInteger(token.Text, 0, out var value) ? value
                : throw new TemplateSyntaxException($"invalid number '{token.Text}'", token.Position);
        }
        catch (PyException exception)
        {
            throw new TemplateSyntaxException(exception.Message, token.Position);
        }
    }

    private SequenceExpr ParseList()
    {
        var token = tokens.Next();
        var items = new List<Expr>();
        while (!tokens.Current.IsOperator("]"))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.Current.IsOperator("]"))
                {
                    break;
                }
            }

            items.Add(expressions.Parse());
        }

        tokens.ExpectOperator("]");
        return limits.Admit(new SequenceExpr([.. items], isTuple: false, token.Position));
    }

    private DictExpr ParseDict()
    {
        var token = tokens.Next();
        var keys = new List<Expr>();
        var values = new List<Expr>();
        while (!tokens.Current.IsOperator("}"))
        {
            if (keys.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.Current.IsOperator("}"))
                {
                    break;
                }
            }

            keys.Add(expressions.Parse());
            tokens.ExpectOperator(":");
            values.Add(expressions.Parse());
        }

        tokens.ExpectOperator("}");
        return limits.Admit(new DictExpr([.. keys], [.. values], token.Position));
    }
}
