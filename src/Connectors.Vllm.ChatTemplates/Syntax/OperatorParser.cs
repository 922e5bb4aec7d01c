using Connectors.Vllm.ChatTemplates.Expressions;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>Parses operators by ascending precedence: condition, or, and, not, comparison, + and -, ~, multiplicative operators, **, signs.</summary>
internal sealed class OperatorParser(
    TokenStream tokens, ExpressionParser expressions, PrimaryParser primaries, PostfixParser postfixes, ExpressionLimits limits)
{
    public Expr ParseCondition()
    {
        var start = tokens.Current.Position;
        var value = ParseOr();
        while (tokens.SkipName("if"))
        {
            var test = ParseOr();
            Expr? otherwise = null;
            if (tokens.SkipName("else"))
            {
                otherwise = expressions.Parse();
            }

            value = limits.Admit(new CondExpr(test, value, otherwise, start));
        }

        return value;
    }

    public Expr ParseOr()
    {
        var start = tokens.Current.Position;
        var left = ParseAnd();
        while (tokens.SkipName("or"))
        {
            left = limits.Admit(new LogicExpr(isAnd: false, left, ParseAnd(), start));
        }

        return left;
    }

    private Expr ParseAnd()
    {
        var start = tokens.Current.Position;
        var left = ParseNot();
        while (tokens.SkipName("and"))
        {
            left = limits.Admit(new LogicExpr(isAnd: true, left, ParseNot(), start));
        }

        return left;
    }

    private Expr ParseNot()
    {
        var start = tokens.Current.Position;
        if (!tokens.SkipName("not"))
        {
            return ParseComparison();
        }

        limits.Enter(start);
        var operand = ParseNot();
        limits.Leave();
        return limits.Admit(new NotExpr(operand, start));
    }

    private Expr ParseComparison()
    {
        var first = ParseSum();
        var symbols = new List<string>();
        var operands = new List<Expr>();
        var position = tokens.Current.Position;
        while (true)
        {
            var token = tokens.Current;
            if (token.Type == TokenType.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                tokens.Next();
                symbols.Add(token.Text);
            }
            else if (tokens.SkipName("in"))
            {
                symbols.Add("in");
            }
            else if (token.IsName("not") && tokens.Look.IsName("in"))
            {
                tokens.Next();
                tokens.Next();
                symbols.Add("not in");
            }
            else
            {
                break;
            }

            operands.Add(ParseSum());
        }

        return symbols.Count == 0 ? first : limits.Admit(new CompareExpr(first, [.. symbols], [.. operands], position));
    }

    private Expr ParseSum()
    {
        var left = ParseConcat();
        while (tokens.Current is { Type: TokenType.Operator, Text: "+" or "-" })
        {
            var position = tokens.Current.Position;
            if (tokens.SkipOperator("-"))
            {
                left = limits.Admit(new BinaryExpr("-", left, ParseConcat(), position));
                continue;
            }

            var operands = new List<Expr> { left };
            while (tokens.SkipOperator("+"))
            {
                operands.Add(ParseConcat());
            }

            left = limits.Admit(new AddExpr([.. operands], position));
        }

        return left;
    }

    private Expr ParseConcat()
    {
        var first = ParseProduct();
        if (!tokens.Current.IsOperator("~"))
        {
            return first;
        }

        var position = tokens.Current.Position;
        var operands = new List<Expr> { first };
        while (tokens.SkipOperator("~"))
        {
            operands.Add(ParseProduct());
        }

        return limits.Admit(new ConcatExpr([.. operands], position));
    }

    private Expr ParseProduct()
    {
        var left = ParsePower();
        while (tokens.Current is { Type: TokenType.Operator, Text: "*" or "/" or "//" or "%" })
        {
            var token = tokens.Next();
            left = limits.Admit(new BinaryExpr(token.Text, left, ParsePower(), token.Position));
        }

        return left;
    }

    private Expr ParsePower()
    {
        var left = ParseUnary();
        while (tokens.Current.IsOperator("**"))
        {
            var token = tokens.Next();
            left = limits.Admit(new BinaryExpr("**", left, ParseUnary(), token.Position));
        }

        return left;
    }

    private Expr ParseUnary(bool withFilters = true)
    {
        var token = tokens.Current;
        Expr value;
        if (token.Type == TokenType.Operator && token.Text is "-" or "+")
        {
            limits.Enter(token.Position);
            tokens.Next();
            value = limits.Admit(new UnaryExpr(token.Text == "-", ParseUnary(withFilters: false), token.Position));
            limits.Leave();
        }
        else
        {
            value = primaries.Parse();
        }

        value = postfixes.Parse(value);
        return withFilters ? postfixes.ParseFiltersAndTests(value) : value;
    }
}
