namespace Connectors.Vllm.ChatTemplates;

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

    /// <summary>Arguments and parameters are found by looking through them.</summary>
    public static void Limit(int count, int position)
    {
        if (count > MaxArguments)
        {
            throw new TemplateSyntaxException($"more than {MaxArguments} arguments", position);
        }
    }
}
