using System.Text;
using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>Parses expressions with jinja2's precedences, tuples of them, and assignment targets.</summary>
internal sealed class ExpressionParser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionLimits _limits = new();
    private readonly PrimaryParser _primaries;
    private readonly PostfixParser _postfixes;
    private readonly OperatorParser _operators;

    public ExpressionParser(TokenStream tokens)
    {
        _tokens = tokens;
        _primaries = new PrimaryParser(tokens, this, _limits);
        _postfixes = new PostfixParser(tokens, this, _primaries, _limits);
        _operators = new OperatorParser(tokens, this, _primaries, _postfixes, _limits);
    }

    /// <summary>Expression nodes made so far: the weight of statements.</summary>
    public int Count => _limits.Count;

    public Expr Parse(bool withCondition = true)
    {
        _limits.Enter(_tokens.Current.Position);
        var expression = withCondition ? _operators.ParseCondition() : _operators.ParseOr();
        _limits.Leave();
        return expression;
    }

    /// <summary>Parses an expression, or a tuple if commas follow.</summary>
    public Expr ParseTuple(bool withCondition = true, string? endName = null, bool inParentheses = false)
    {
        var start = _tokens.Current.Position;
        return ParseItems(() => Parse(withCondition), start, endName, inParentheses);
    }

    /// <summary>Parses an assignment target: a name, a tuple of targets, or (for set) an attribute of a namespace.</summary>
    public Expr ParseTarget(bool withNamespace = false, string? endName = null)
    {
        var start = _tokens.Current.Position;
        var target = ParseItems(() => ParseTargetItem(withNamespace), start, endName, inParentheses: false);
        MarkTarget(target);
        return target;
    }

    /// <summary>The filters that follow; for blocks without an operand, and for filter blocks without a first pipe.</summary>
    public Expr? ParseFilters(Expr? operand, bool startsInline = false) => _postfixes.ParseFilters(operand, startsInline);

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

    private Expr ParseTargetItem(bool withNamespace)
    {
        if (withNamespace && _tokens.Current.Type == TokenType.Name && _tokens.Look.IsOperator("."))
        {
            var name = _tokens.Next();
            _tokens.Next();
            return _limits.Admit(new NamespaceTarget(name.Text, _tokens.Expect(TokenType.Name, "an attribute name").Text, name.Position));
        }

        return _primaries.Parse();
    }

    private Expr ParseItems(Func<Expr> parse, int start, string? endName, bool inParentheses)
    {
        var items = new List<Expr>();
        var isTuple = false;
        while (true)
        {
            if (items.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            if (IsTupleEnd(endName))
            {
                break;
            }

            items.Add(parse());
            if (!_tokens.Current.IsOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        if (isTuple || (items.Count == 0 && inParentheses))
        {
            return _limits.Admit(new SequenceExpr([.. items], isTuple: true, start));
        }

        return items.Count > 0
            ? items[0]
            : throw new TemplateSyntaxException($"Expected an expression, got '{_tokens.Current}'", _tokens.Current.Position);
    }

    private bool IsTupleEnd(string? endName) =>
        _tokens.Current.Type is TokenType.VariableEnd or TokenType.BlockEnd
        || _tokens.Current.IsOperator(")")
        || (endName is not null && _tokens.Current.IsName(endName));
}

/// <summary>The limits of expressions: parsing recurses with their nesting, evaluation with the height of their trees.</summary>
internal sealed class ExpressionLimits
{
    private const int MaxDepth = 70;
    private const int MaxHeight = 250;

    private int _depth;

    /// <summary>Nodes made so far: the weight of statements.</summary>
    public int Count { get; private set; }

    /// <summary>Enters a nesting level, until <see cref="Leave"/>.</summary>
    /// <exception cref="TemplateSyntaxException">The nesting is too deep.</exception>
    public void Enter(int position)
    {
        if (++_depth > MaxDepth)
        {
            throw new TemplateSyntaxException($"expressions are nested more than {MaxDepth} deep", position);
        }
    }

    public void Leave() => _depth--;

    /// <summary>Counts a node and sets its height from its children.</summary>
    /// <exception cref="TemplateSyntaxException">The tree is too high.</exception>
    public T Admit<T>(T node)
        where T : Expr
    {
        Count++;
        foreach (var child in node.Children)
        {
            node.Height = Math.Max(node.Height, child.Height + 1);
        }

        return node.Height <= MaxHeight
            ? node
            : throw new TemplateSyntaxException($"an expression is more than {MaxHeight} operations deep", node.Position);
    }
}

/// <summary>Parses primary expressions: names, literals, lists, dictionaries and parentheses.</summary>
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
