using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Statements;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>Parses templates: text, tags and statements. Expressions are parsed by <see cref="ExpressionParser"/>.</summary>
internal sealed class Parser
{
    private const int MaxDepth = 60;

    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;
    private readonly Dictionary<string, BlockStmt?> _blocks = new(StringComparer.Ordinal);
    private int _depth;

    private Parser(string source)
    {
        _tokens = new TokenStream(new Lexer(source).Tokenize());
        _expressions = new ExpressionParser(_tokens);
    }

    /// <summary>Parses the statements of a template, and its blocks by name.</summary>
    public static (Stmt[] Body, IReadOnlyDictionary<string, BlockStmt> Blocks) Parse(string source)
    {
        var parser = new Parser(source);
        return (parser.ParseBody([], 0), parser._blocks!);
    }

    /// <summary>
    /// Parses statements up to one of the ending tags, whose name is then the current token, or to the end if there are no ending tags.
    /// </summary>
    private Stmt[] ParseBody(string[] endings, int opened)
    {
        if (++_depth > MaxDepth)
        {
            throw new TemplateSyntaxException($"statements are nested more than {MaxDepth} deep", _tokens.Current.Position);
        }

        var body = new List<Stmt>();
        while (true)
        {
            var token = _tokens.Next();
            switch (token.Type)
            {
                case TokenType.Data:
                    body.Add(new TextStmt(token.Text, token.Position));
                    break;
                case TokenType.VariableBegin:
                    var before = _expressions.Count;
                    var value = _expressions.ParseTuple();
                    _tokens.Expect(TokenType.VariableEnd, "end of print statement");
                    body.Add(new PrintStmt(value, Cost(before), token.Position));
                    break;
                case TokenType.BlockBegin:
                    if (_tokens.Current.Type == TokenType.Name && Array.IndexOf(endings, _tokens.Current.Text) >= 0)
                    {
                        _depth--;
                        return [.. body];
                    }

                    ParseStatement(body, endings);
                    _tokens.Expect(TokenType.BlockEnd, "end of statement block");
                    break;
                default:
                    _depth--;
                    return endings.Length == 0
                        ? [.. body]
                        : throw new TemplateSyntaxException(
                            $"unexpected end of template: the block that starts here needs '{string.Join("' or '", endings)}'", opened);
            }
        }
    }

    private Stmt[] ParseBlockBody(int opened, params string[] endings)
    {
        _tokens.SkipOperator(":");
        _tokens.Expect(TokenType.BlockEnd, "end of statement block");
        return ParseBody(endings, opened);
    }

    /// <summary>Parses a body and consumes the name of its ending tag.</summary>
    private Stmt[] ParseWholeBody(int opened, string ending)
    {
        var body = ParseBlockBody(opened, ending);
        _tokens.Next();
        return body;
    }

    private int Cost(int before) => _expressions.Count - before + 1;

    private void ParseStatement(List<Stmt> body, string[] endings)
    {
        var token = _tokens.Current;
        if (token.Type != TokenType.Name)
        {
            throw new TemplateSyntaxException("tag name expected", token.Position);
        }

        switch (token.Text)
        {
            case "for":
                body.Add(ParseFor());
                break;
            case "if":
                body.Add(ParseIf());
                break;
            case "set":
                body.Add(ParseSet());
                break;
            case "macro":
                body.Add(ParseMacro());
                break;
            case "call":
                body.Add(ParseCallBlock());
                break;
            case "filter":
                body.Add(ParseFilterBlock());
                break;
            case "with":
                body.Add(ParseWith());
                break;
            case "block":
                body.Add(ParseBlock());
                break;
            case "generation":
                _tokens.Next();
                body.Add(new GenerationStmt(ParseWholeBody(token.Position, "endgeneration"), token.Position));
                break;
            case "break" or "continue":
                _tokens.Next();
                body.Add(new JumpStmt(token.Text == "break" ? Flow.Break : Flow.Continue, token.Position));
                break;
            case "print":
                ParsePrint(body);
                break;
            case "include" or "import" or "from" or "extends":
                body.Add(ParseLoading());
                break;
            case "autoescape":
                throw new TemplateSyntaxException("'autoescape' is not supported: prompts are not HTML", token.Position);
            default:
                var hint = endings.Length > 0 ? $" The innermost block needs '{string.Join("' or '", endings)}'." : "";
                throw new TemplateSyntaxException($"Encountered unknown tag '{token.Text}'.{hint}", token.Position);
        }
    }

    private ForStmt ParseFor()
    {
        var token = _tokens.Next();
        var before = _expressions.Count;
        var target = _expressions.ParseTarget(endName: "in");
        _tokens.ExpectName("in");
        var iterable = _expressions.ParseTuple(withCondition: false, endName: "recursive");
        var test = _tokens.SkipName("if") ? _expressions.Parse() : null;
        var isRecursive = _tokens.SkipName("recursive");
        var cost = Cost(before);
        var body = ParseBlockBody(token.Position, "endfor", "else");
        var otherwise = _tokens.Next().Text == "endfor" ? [] : ParseWholeBody(token.Position, "endfor");
        return new ForStmt(target, iterable, test, isRecursive, body, otherwise, cost, token.Position);
    }

    private IfStmt ParseIf()
    {
        var token = _tokens.Current;
        var before = _expressions.Count;
        var tests = new List<Expr>();
        var bodies = new List<Stmt[]>();
        Stmt[] otherwise = [];
        var cost = 1;
        while (true)
        {
            var tag = _tokens.Next();
            if (tag.Text == "else")
            {
                otherwise = ParseWholeBody(token.Position, "endif");
                break;
            }

            if (tag.Text == "endif")
            {
                break;
            }

            before = _expressions.Count;
            tests.Add(_expressions.ParseTuple(withCondition: false));
            cost += Cost(before);
            bodies.Add(ParseBlockBody(token.Position, "elif", "else", "endif"));
        }

        return new IfStmt([.. tests], [.. bodies], otherwise, cost, token.Position);
    }

    private Stmt ParseSet()
    {
        var token = _tokens.Next();
        var before = _expressions.Count;
        var target = _expressions.ParseTarget(withNamespace: true);
        if (_tokens.SkipOperator("="))
        {
            var value = _expressions.ParseTuple();
            return new SetStmt(target, value, Cost(before), token.Position);
        }

        var filter = (FilterExpr?)_expressions.ParseFilters(null);
        var cost = Cost(before);
        return new SetBlockStmt(target, filter, ParseWholeBody(token.Position, "endset"), cost, token.Position);
    }

    private MacroStmt ParseMacro()
    {
        var token = _tokens.Next();
        var name = _tokens.Expect(TokenType.Name, "a macro name").Text;
        RequireAssignable(name, token.Position);
        var (parameters, defaults) = ParseSignature();
        return new MacroStmt(name, parameters, defaults, ParseWholeBody(token.Position, "endmacro"), token.Position);
    }

    private CallBlockStmt ParseCallBlock()
    {
        var token = _tokens.Next();
        var before = _expressions.Count;
        var (parameters, defaults) = _tokens.Current.IsOperator("(") ? ParseSignature() : ([], []);
        if (_expressions.Parse() is not CallExpr call)
        {
            throw new TemplateSyntaxException("expected call", token.Position);
        }

        var cost = Cost(before);
        return new CallBlockStmt(call, parameters, defaults, ParseWholeBody(token.Position, "endcall"), cost, token.Position);
    }

    private (NameExpr[] Parameters, Expr[] Defaults) ParseSignature()
    {
        var parameters = new List<NameExpr>();
        var defaults = new List<Expr>();
        _tokens.ExpectOperator("(");
        while (!_tokens.Current.IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            var name = _tokens.Expect(TokenType.Name, "a parameter name");
            RequireAssignable(name.Text, name.Position);
            ArgumentParser.Limit(parameters.Count + 1, name.Position);
            if (parameters.Exists(parameter => parameter.Name == name.Text))
            {
                throw new TemplateSyntaxException($"duplicate argument '{name.Text}'", name.Position);
            }

            if (_tokens.SkipOperator("="))
            {
                defaults.Add(_expressions.Parse());
            }
            else if (defaults.Count > 0)
            {
                throw new TemplateSyntaxException("non-default argument follows default argument", name.Position);
            }

            parameters.Add(new NameExpr(name.Text, name.Position) { Use = NameUse.Parameter });
        }

        _tokens.ExpectOperator(")");
        return ([.. parameters], [.. defaults]);
    }

    private FilterBlockStmt ParseFilterBlock()
    {
        var token = _tokens.Next();
        var before = _expressions.Count;
        var filter = (FilterExpr)_expressions.ParseFilters(null, startsInline: true)!;
        var cost = Cost(before);
        return new FilterBlockStmt(filter, ParseWholeBody(token.Position, "endfilter"), cost, token.Position);
    }

    private WithStmt ParseWith()
    {
        var token = _tokens.Next();
        var before = _expressions.Count;
        var targets = new List<Expr>();
        var values = new List<Expr>();
        while (_tokens.Current.Type != TokenType.BlockEnd)
        {
            if (targets.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            var target = _expressions.ParseTarget();
            foreach (var name in target.Descendants().Prepend(target).OfType<NameExpr>())
            {
                name.Use = NameUse.Parameter;
            }

            targets.Add(target);
            _tokens.ExpectOperator("=");
            values.Add(_expressions.Parse());
        }

        var cost = Cost(before);
        return new WithStmt([.. targets], [.. values], ParseWholeBody(token.Position, "endwith"), cost, token.Position);
    }

    private BlockStmt ParseBlock()
    {
        var token = _tokens.Next();
        var name = _tokens.Expect(TokenType.Name, "a block name").Text;
        var isScoped = _tokens.SkipName("scoped");
        var isRequired = _tokens.SkipName("required");
        if (!_blocks.TryAdd(name, null))
        {
            throw new TemplateSyntaxException($"block '{name}' defined twice", token.Position);
        }

        var body = ParseWholeBody(token.Position, "endblock");
        _tokens.SkipName(name);
        if (isRequired && !body.All(statement => statement is TextStmt text && string.IsNullOrWhiteSpace(text.Text)))
        {
            throw new TemplateSyntaxException("Required blocks can only contain comments or whitespace", token.Position);
        }

        return _blocks[name] = new BlockStmt(name, isScoped, isRequired, body, token.Position);
    }

    private void ParsePrint(List<Stmt> body)
    {
        var token = _tokens.Next();
        for (var first = true; _tokens.Current.Type != TokenType.BlockEnd; first = false)
        {
            if (!first)
            {
                _tokens.ExpectOperator(",");
            }

            var before = _expressions.Count;
            var value = _expressions.Parse();
            body.Add(new PrintStmt(value, Cost(before), token.Position));
        }
    }

    private NoLoaderStmt ParseLoading()
    {
        var token = _tokens.Next();
        var template = _expressions.Parse();
        var names = new List<string>();
        if (token.Text == "import")
        {
            _tokens.ExpectName("as");
            names.Add(_tokens.Expect(TokenType.Name, "a name").Text);
        }

        if (token.Text == "from")
        {
            _tokens.ExpectName("import");
        }

        while (_tokens.Current.Type != TokenType.BlockEnd)
        {
            var part = _tokens.Next();
            if (part.Type == TokenType.Eof || (part.Type != TokenType.Name && !part.IsOperator(",")))
            {
                throw new TemplateSyntaxException($"unexpected '{part}'", part.Position);
            }

            if (part.Type == TokenType.Name && part.Text is not ("as" or "with" or "without" or "context" or "ignore" or "missing"))
            {
                names.Add(part.Text);
            }
        }

        return new NoLoaderStmt(token.Text, template, [.. names], token.Position);
    }

    private static void RequireAssignable(string name, int position)
    {
        if (name is "true" or "false" or "none" or "True" or "False" or "None")
        {
            throw new TemplateSyntaxException($"can't assign to '{name}'", position);
        }
    }
}
