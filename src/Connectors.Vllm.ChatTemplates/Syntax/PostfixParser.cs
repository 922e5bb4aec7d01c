using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>Parses postfix expressions: attributes, subscripts, calls, filters and tests.</summary>
internal sealed class PostfixParser(TokenStream tokens, ExpressionParser expressions, PrimaryParser primaries, ExpressionLimits limits)
{
    private readonly ArgumentParser _arguments = new(tokens, expressions);

    public Expr Parse(Expr value)
    {
        while (tokens.Current.Type == TokenType.Operator)
        {
            switch (tokens.Current.Text)
            {
                case ".":
                    value = ParseAttribute(value);
                    break;
                case "[":
                    value = ParseSubscript(value);
                    break;
                case "(":
                    var position = tokens.Current.Position;
                    value = limits.Admit(new CallExpr(value, _arguments.Parse(), position));
                    break;
                default:
                    return value;
            }
        }

        return value;
    }

    public Expr ParseFiltersAndTests(Expr value)
    {
        while (true)
        {
            var token = tokens.Current;
            if (token.IsOperator("|"))
            {
                value = ParseFilters(value)!;
            }
            else if (token.IsName("is"))
            {
                value = ParseTest(value);
            }
            else if (token.IsOperator("("))
            {
                value = limits.Admit(new CallExpr(value, _arguments.Parse(), token.Position));
            }
            else
            {
                return value;
            }
        }
    }

    /// <summary>The filters that follow; for blocks without an operand, and for filter blocks without a first pipe.</summary>
    public Expr? ParseFilters(Expr? operand, bool startsInline = false)
    {
        for (; startsInline || tokens.Current.IsOperator("|"); startsInline = false)
        {
            if (!startsInline)
            {
                tokens.Next();
            }

            var token = tokens.Current;
            var name = ParseDottedName("a filter name");
            var arguments = tokens.Current.IsOperator("(") ? _arguments.Parse() : ArgumentList.Empty;
            operand = limits.Admit(new FilterExpr(operand, name, arguments, token.Position));
        }

        return operand;
    }

    private Expr ParseTest(Expr operand)
    {
        var position = tokens.Next().Position;
        var isNegated = tokens.SkipName("not");
        var name = ParseDottedName("a test name");
        var arguments = ArgumentList.Empty;
        var token = tokens.Current;
        if (token.IsOperator("("))
        {
            arguments = _arguments.Parse();
        }
        else if ((token.Type is TokenType.Name or TokenType.String or TokenType.Integer or TokenType.Float || token.IsOperator("[")
            || token.IsOperator("{"))
            && !(token.Type == TokenType.Name && token.Text is "else" or "or" or "and"))
        {
            if (token.IsName("is"))
            {
                throw new TemplateSyntaxException("You cannot chain multiple tests with is", token.Position);
            }

            arguments = new ArgumentList([Parse(primaries.Parse())], [], [], null, null);
        }

        var test = limits.Admit(new TestExpr(operand, name, arguments, position));
        return isNegated ? limits.Admit(new NotExpr(test, position)) : test;
    }

    private string ParseDottedName(string expected)
    {
        var name = tokens.Expect(TokenType.Name, expected).Text;
        while (tokens.SkipOperator("."))
        {
            name += "." + tokens.Expect(TokenType.Name, expected).Text;
        }

        return name;
    }

    private Expr ParseAttribute(Expr owner)
    {
        var position = tokens.Next().Position;
        var token = tokens.Next();
        return token.Type switch
        {
            TokenType.Name => limits.Admit(new AttributeExpr(owner, token.Text, position)),
            TokenType.Integer => limits.Admit(new ItemExpr(owner, new ConstExpr(PrimaryParser.ParseNumber(token), token.Position), position)),
            _ => throw new TemplateSyntaxException("expected name or number", token.Position),
        };
    }

    private Expr ParseSubscript(Expr owner)
    {
        var position = tokens.Next().Position;
        var keys = new List<Expr>();
        (Expr? Start, Expr? Stop, Expr? Step)? slice = null;
        var sliceAt = 0;
        while (!tokens.Current.IsOperator("]"))
        {
            if (keys.Count > 0)
            {
                tokens.ExpectOperator(",");
            }

            var start = tokens.Current.IsOperator(":") ? null : expressions.Parse();
            if (start is not null && !tokens.Current.IsOperator(":"))
            {
                keys.Add(start);
                continue;
            }

            sliceAt = tokens.Next().Position;
            var stop = IsBoundEnd() ? null : expressions.Parse();
            var step = tokens.SkipOperator(":") && !IsBoundEnd() ? expressions.Parse() : null;
            slice = (start, stop, step);
            keys.Add(limits.Admit(new SliceKeyExpr(start, stop, step, sliceAt)));
        }

        tokens.ExpectOperator("]");
        return limits.Admit<Expr>(keys.Count == 1 && slice is { } only
            ? new SliceExpr(owner, only.Start, only.Stop, only.Step, position)
            : new ItemExpr(owner, keys.Count == 1 ? keys[0] : new SequenceExpr([.. keys], isTuple: true, position), position));
    }

    private bool IsBoundEnd() => tokens.Current.Type == TokenType.Operator && tokens.Current.Text is ":" or "]" or ",";
}

/// <summary>Parses the arguments of calls, filters and tests.</summary>
internal sealed class ArgumentParser(TokenStream tokens, ExpressionParser expressions)
{
    private const int MaxArguments = 255;

    public ArgumentList Parse()
    {
        var open = tokens.ExpectOperator("(");
        var count = 0;
        var positional = new List<Expr>();
        var names = new List<string>();
        var keywords = new List<Expr>();
        Expr? rest = null;
        Expr? restKeywords = null;
        for (var needsComma = false; !tokens.Current.IsOperator(")"); needsComma = true)
        {
            if (needsComma)
            {
                tokens.ExpectOperator(",");
                if (tokens.Current.IsOperator(")"))
                {
                    break;
                }
            }

            Limit(++count, open.Position);
            if (tokens.SkipOperator("*"))
            {
                Require(rest is null && restKeywords is null);
                rest = expressions.Parse();
            }
            else if (tokens.SkipOperator("**"))
            {
                Require(restKeywords is null);
                restKeywords = expressions.Parse();
            }
            else if (tokens.Current.Type == TokenType.Name && tokens.Look.IsOperator("="))
            {
                var name = tokens.Next().Text;
                tokens.Next();
                Require(restKeywords is null && !names.Contains(name));
                names.Add(name);
                keywords.Add(expressions.Parse());
            }
            else
            {
                Require(rest is null && restKeywords is null && names.Count == 0);
                positional.Add(expressions.Parse());
            }
        }

        tokens.ExpectOperator(")");
        return new ArgumentList([.. positional], [.. names], [.. keywords], rest, restKeywords);

        void Require(bool valid)
        {
            if (!valid)
            {
                throw new TemplateSyntaxException("invalid syntax for function call expression", open.Position);
            }
        }
    }

    /// <summary>Limits the number of arguments and parameters, which are searched linearly.</summary>
    public static void Limit(int count, int position)
    {
        if (count > MaxArguments)
        {
            throw new TemplateSyntaxException($"more than {MaxArguments} arguments", position);
        }
    }
}
