using System.Text;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>Parses expressions with jinja2's precedences: condition, or, and, not, comparison, +-, ~, */, **, unary, postfix, filters and tests.</summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    private const int MaxDepth = 70;
    private const int MaxHeight = 250;
    private const int MaxArguments = 255;

    private int _depth;

    /// <summary>Expression nodes made so far: the weight of statements.</summary>
    public int Count { get; private set; }

    public Expr Parse(bool withCondition = true)
    {
        if (++_depth > MaxDepth)
        {
            throw new TemplateSyntaxException($"expressions are nested more than {MaxDepth} deep", tokens.Current.Position);
        }

        var expression = withCondition ? ParseCondition() : ParseOr();
        _depth--;
        return expression;
    }

    /// <summary>An expression, or a tuple of them when commas follow.</summary>
    public Expr ParseTuple(bool withCondition = true, string? endName = null, bool inParentheses = false)
    {
        var start = tokens.Current.Position;
        return ParseItems(() => Parse(withCondition), start, endName, inParentheses);
    }

    /// <summary>An assignment target: a name, a tuple of targets, or (for set) an attribute of a namespace.</summary>
    public Expr ParseTarget(bool withNamespace = false, string? endName = null)
    {
        var start = tokens.Current.Position;
        var target = ParseItems(() => ParseTargetItem(withNamespace), start, endName, inParentheses: false);
        MarkTarget(target);
        return target;
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
            var arguments = tokens.Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty;
            operand = Made(new FilterExpr(operand, name, arguments, token.Position));
        }

        return operand;
    }

    private static void MarkTarget(Expr target)
    {
        switch (target)
        {
            case NameExpr name:
                name.Use = NameUse.Store;
                break;
            case NamespaceTarget:
                break;
            case SequenceExpr { IsTuple: true } sequence:
                foreach (var item in sequence.Items)
                {
                    MarkTarget(item);
                }

                break;
            default:
                throw new TemplateSyntaxException("can't assign to this expression", target.Position);
        }
    }

    private Expr ParseItems(Func<Expr> parse, int start, string? endName, bool inParentheses)
    {
        var items = new List<Expr>();
        var isTuple = false;
        while (true)
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
            }

            if (IsTupleEnd(endName))
            {
                break;
            }

            items.Add(parse());
            if (!tokens.Current.IsOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        if (isTuple || (items.Count == 0 && inParentheses))
        {
            return Made(new SequenceExpr([.. items], isTuple: true, start));
        }

        return items.Count > 0 ? items[0] : throw new TemplateSyntaxException($"Expected an expression, got '{tokens.Current}'", tokens.Current.Position);
    }

    private bool IsTupleEnd(string? endName) =>
        tokens.Current.Type is TokenType.VariableEnd or TokenType.BlockEnd
        || tokens.Current.IsOperator(")")
        || (endName is not null && tokens.Current.IsName(endName));

    private Expr ParseTargetItem(bool withNamespace)
    {
        if (withNamespace && tokens.Current.Type == TokenType.Name && tokens.Look.IsOperator("."))
        {
            var name = tokens.Next();
            tokens.Next();
            return Made(new NamespaceTarget(name.Text, tokens.Expect(TokenType.Name, "an attribute name").Text, name.Position));
        }

        return ParsePrimary();
    }

    private Expr ParseCondition()
    {
        var start = tokens.Current.Position;
        var value = ParseOr();
        while (tokens.SkipName("if"))
        {
            var test = ParseOr();
            Expr? otherwise = null;
            if (tokens.SkipName("else"))
            {
                otherwise = Parse();
            }

            value = Made(new CondExpr(test, value, otherwise, start));
        }

        return value;
    }

    private Expr ParseOr()
    {
        var start = tokens.Current.Position;
        var left = ParseAnd();
        while (tokens.SkipName("or"))
        {
            left = Made(new LogicExpr(isAnd: false, left, ParseAnd(), start));
        }

        return left;
    }

    private Expr ParseAnd()
    {
        var start = tokens.Current.Position;
        var left = ParseNot();
        while (tokens.SkipName("and"))
        {
            left = Made(new LogicExpr(isAnd: true, left, ParseNot(), start));
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

        LimitDepth(start);
        var operand = ParseNot();
        _depth--;
        return Made(new NotExpr(operand, start));
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

        return symbols.Count == 0 ? first : Made(new CompareExpr(first, [.. symbols], [.. operands], position));
    }

    private Expr ParseSum()
    {
        var left = ParseConcat();
        while (tokens.Current is { Type: TokenType.Operator, Text: "+" or "-" })
        {
            var position = tokens.Current.Position;
            if (tokens.SkipOperator("-"))
            {
                left = Made(new BinaryExpr("-", left, ParseConcat(), position));
                continue;
            }

            var operands = new List<Expr> { left };
            while (tokens.SkipOperator("+"))
            {
                operands.Add(ParseConcat());
            }

            left = Made(new AddExpr([.. operands], position));
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

        return Made(new ConcatExpr([.. operands], position));
    }

    private Expr ParseProduct()
    {
        var left = ParsePower();
        while (tokens.Current is { Type: TokenType.Operator, Text: "*" or "/" or "//" or "%" })
        {
            var token = tokens.Next();
            left = Made(new BinaryExpr(token.Text, left, ParsePower(), token.Position));
        }

        return left;
    }

    private Expr ParsePower()
    {
        var left = ParseUnary();
        while (tokens.Current.IsOperator("**"))
        {
            var token = tokens.Next();
            left = Made(new BinaryExpr("**", left, ParseUnary(), token.Position));
        }

        return left;
    }

    private Expr ParseUnary(bool withFilters = true)
    {
        var token = tokens.Current;
        Expr value;
        if (token.Type == TokenType.Operator && token.Text is "-" or "+")
        {
            LimitDepth(token.Position);
            tokens.Next();
            value = Made(new UnaryExpr(token.Text == "-", ParseUnary(withFilters: false), token.Position));
            _depth--;
        }
        else
        {
            value = ParsePrimary();
        }

        value = ParsePostfix(value);
        return withFilters ? ParseFiltersAndTests(value) : value;
    }

    private Expr ParsePrimary()
    {
        var token = tokens.Current;
        switch (token.Type)
        {
            case TokenType.Name:
                tokens.Next();
                return Made(token.Text switch
                {
                    "true" or "True" => new ConstExpr(Value.True, token.Position),
                    "false" or "False" => new ConstExpr(Value.False, token.Position),
                    "none" or "None" => new ConstExpr(Value.None, token.Position),
                    _ => new NameExpr(token.Text, token.Position),
                });
            case TokenType.String:
                return Made(new ConstExpr(Value.Of(ParseStrings()), token.Position));
            case TokenType.Integer or TokenType.Float:
                tokens.Next();
                return Made(new ConstExpr(ParseNumber(token), token.Position));
            case TokenType.Operator when token.Text == "(":
                tokens.Next();
                var inner = ParseTuple(inParentheses: true);
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

    private static Value ParseNumber(Token token)
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

            items.Add(Parse());
        }

        tokens.ExpectOperator("]");
        return (SequenceExpr)Made(new SequenceExpr([.. items], isTuple: false, token.Position));
    }

    private Expr ParseDict()
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

            keys.Add(Parse());
            tokens.ExpectOperator(":");
            values.Add(Parse());
        }

        tokens.ExpectOperator("}");
        return Made(new DictExpr([.. keys], [.. values], token.Position));
    }

    private Expr ParsePostfix(Expr value)
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
                    value = Made(new CallExpr(value, ParseArguments(), position));
                    break;
                default:
                    return value;
            }
        }

        return value;
    }

    private Expr ParseFiltersAndTests(Expr value)
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
                value = Made(new CallExpr(value, ParseArguments(), token.Position));
            }
            else
            {
                return value;
            }
        }
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
            arguments = ParseArguments();
        }
        else if ((token.Type is TokenType.Name or TokenType.String or TokenType.Integer or TokenType.Float || token.IsOperator("[") || token.IsOperator("{"))
            && !(token.Type == TokenType.Name && token.Text is "else" or "or" or "and"))
        {
            if (token.IsName("is"))
            {
                throw new TemplateSyntaxException("You cannot chain multiple tests with is", token.Position);
            }

            arguments = new ArgumentList([ParsePostfix(ParsePrimary())], [], [], null, null);
        }

        var test = Made(new TestExpr(operand, name, arguments, position));
        return isNegated ? Made(new NotExpr(test, position)) : test;
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
            TokenType.Name => Made(new AttributeExpr(owner, token.Text, position)),
            TokenType.Integer => Made(new ItemExpr(owner, new ConstExpr(ParseNumber(token), token.Position), position)),
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

            var start = tokens.Current.IsOperator(":") ? null : Parse();
            if (start is not null && !tokens.Current.IsOperator(":"))
            {
                keys.Add(start);
                continue;
            }

            sliceAt = tokens.Next().Position;
            var stop = IsBoundEnd() ? null : Parse();
            var step = tokens.SkipOperator(":") && !IsBoundEnd() ? Parse() : null;
            slice = (start, stop, step);
            keys.Add(Made(new SliceKeyExpr(start, stop, step, sliceAt)));
        }

        tokens.ExpectOperator("]");
        return Made(keys.Count == 1 && slice is { } only
            ? new SliceExpr(owner, only.Start, only.Stop, only.Step, position)
            : new ItemExpr(owner, keys.Count == 1 ? keys[0] : new SequenceExpr([.. keys], isTuple: true, position), position));
    }

    private bool IsBoundEnd() => tokens.Current.Type == TokenType.Operator && tokens.Current.Text is ":" or "]" or ",";

    private ArgumentList ParseArguments()
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

            LimitArguments(++count, open.Position);
            if (tokens.SkipOperator("*"))
            {
                Require(rest is null && restKeywords is null);
                rest = Parse();
            }
            else if (tokens.SkipOperator("**"))
            {
                Require(restKeywords is null);
                restKeywords = Parse();
            }
            else if (tokens.Current.Type == TokenType.Name && tokens.Look.IsOperator("="))
            {
                var name = tokens.Next().Text;
                tokens.Next();
                Require(restKeywords is null && !names.Contains(name));
                names.Add(name);
                keywords.Add(Parse());
            }
            else
            {
                Require(rest is null && restKeywords is null && names.Count == 0);
                positional.Add(Parse());
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
    public static void LimitArguments(int count, int position)
    {
        if (count > MaxArguments)
        {
            throw new TemplateSyntaxException($"more than {MaxArguments} arguments", position);
        }
    }

    /// <summary>Counts a node and bounds the height of the tree: evaluation recurses along it.</summary>
    private Expr Made(Expr node)
    {
        Count++;
        foreach (var child in node.Children)
        {
            node.Height = Math.Max(node.Height, child.Height + 1);
        }

        return node.Height <= MaxHeight ? node : throw new TemplateSyntaxException($"an expression is more than {MaxHeight} operations deep", node.Position);
    }

    private void LimitDepth(int position)
    {
        if (++_depth > MaxDepth)
        {
            throw new TemplateSyntaxException($"expressions are nested more than {MaxDepth} deep", position);
        }
    }
}
