using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

/// <summary>Formats whose calls are Python: <c>name(key=literal, …)</c>, or dictionaries.</summary>
internal static class PythonCallGrammars
{
    // What the parser takes for the beginning of a list of calls is a bracket, a name and a parenthesis.
    private const string NameCharacter = "[^ \\n!-,/:-@\\[-\\^`{-~]";
    private const string BehindName = "[ \\n!-'\\)-,/:-@\\[-\\^`{-~]";
    private const string NoCall = "[ \\n]*([^\\[< \\n]|<[^|]|\\[ *(" + NameCharacter + "+" + BehindName + "|[!-,/:-@\\[-\\^`{-~\\n]))";

    private static readonly CallGrammar List = new()
    {
        Open = "[",
        Separator = ", ",
        Begin = name => name + "(",
        Markup = PythonArguments.Keywords,
        End = ")",
        Close = "]",
    };

    private static readonly CallGrammar MarkedList = List with
    {
        Open = "<|python_start|>[", Trigger = "<|python_start|>", Close = "]<|python_end|>",
    };

    private static readonly CallGrammar Lines = List with { Open = "<function_calls>\n", Separator = "\n", Close = "\n</function_calls>" };

    private static readonly CallGrammar Line = Lines with { Open = "<function_calls>", Close = "</function_calls>" };

    public static readonly CallGrammar Lfm2 = List with
    {
        Open = "<|tool_call_start|>[", Trigger = "<|tool_call_start|>", Close = "]<|tool_call_end|>",
    };

    public static readonly CallGrammar Sarashina = new()
    {
        Open = "<|tool_calls|>[",
        Trigger = "<|tool_calls|>",
        Separator = ", ",
        Begin = name => $"{{'name': {PythonArguments.Quote(name)}, 'arguments': ",
        Markup = PythonArguments.Dictionary,
        End = "}",
        Close = "]",
    };

    /// <summary>The list is the whole answer; other text does not begin as one.</summary>
    public static ConstraintNode Pythonic(CallRequest request) =>
        request.IsForced ? Bare(request) : Choice(Bare(request), Optional(Sequence(Pattern(NoCall), new FreeTextNode([], true, []))));

    /// <summary>Llama 4: the same, or a list between markers after any text.</summary>
    public static ConstraintNode Llama4(CallRequest request)
    {
        var calls = Choice(Bare(request), MarkedList.Together(request));
        return request.IsForced ? calls : Choice(calls, Optional(Sequence(Pattern(NoCall), MarkedList.Build(request))));
    }

    /// <summary>OLMo 3: a call a line, between markers on lines of their own or not.</summary>
    public static ConstraintNode Olmo3(CallRequest request)
    {
        ConstraintNode[] calls = [Lines.Together(request), Line.Together(request)];
        return request.IsForced ? Choice(calls) : new CallsInTextNode("<function_calls>", calls, request.Multiple, []);
    }

    /// <summary>A list whose bracket belongs to its first call: alone, it is what other text may begin with as well.</summary>
    private static ConstraintNode Bare(CallRequest request)
    {
        var more = request.Multiple ? Star(Choice([.. request.Tools.Select(tool => Sequence(", ", List.Call(request, tool)))])) : Nothing;
        return Sequence(Choice([.. request.Tools.Select(tool => Sequence("[", List.Call(request, tool)))]), more, "]");
    }
}

/// <summary>Arguments as Python literals.</summary>
internal static class PythonArguments
{
    /// <summary>A string literal, as a regular expression.</summary>
    public const string String = "'([^'\\\\]|\\\\(.|\\n))*'|\"([^\"\\\\]|\\\\(.|\\n))*\"";

    private static readonly ConstraintNode Comma = Sequence(",", Optional(" "));
    private static readonly ConstraintNode Colon = Sequence(":", Optional(" "));

    /// <summary>Arguments by keyword, in the order they are declared in.</summary>
    public static ConstraintNode Keywords(ArgumentSchema schema) =>
        Members(schema, new PlaceBudget(), 0, name => name + "=", "[a-zA-Z_][a-zA-Z0-9_-]*=");

    /// <summary>Arguments as a dictionary.</summary>
    public static ConstraintNode Dictionary(ArgumentSchema schema) => Dictionary(schema, new PlaceBudget(), 0);

    /// <summary>A string in single quotes.</summary>
    public static string Quote(string text) => "'" + Escape(text, '\'') + "'";

    private static ConstraintNode Dictionary(ArgumentSchema schema, PlaceBudget budget, int depth) =>
        (schema.Properties is null && schema.Others is { IsAny: true }) || !budget.Take(depth)
        ? new PythonValueNode(DelimitedKind.Dictionary)
        : Sequence("{", Members(schema, budget, depth, name => Sequence(Quoted(name), Colon), $"({String}): ?"), "}");

    private static ConstraintNode Members(ArgumentSchema schema, PlaceBudget budget, int depth, Func<string, ConstraintNode> key, string anyKey)
    {
        var members = (schema.Properties ?? [])
            .Select(property => (Sequence(key(property.Name), Value(property.Value, budget, depth + 1)), property.IsRequired)).ToList();
        if (schema.Others is not { } others)
        {
            return MemberList.InOrder(members, Comma);
        }

        ConstraintNode other = Sequence(Pattern(anyKey), Value(others, budget, depth + 1)), more = Sequence(other, Star(Sequence(Comma, other)));
        return members.Count == 0 ? Optional(more)
            : members.Exists(member => member.IsRequired) ? Sequence(MemberList.InOrder(members, Comma), Star(Sequence(Comma, other)))
            : MemberList.InAnyOrder([], [.. members.Select(member => member.Item1), other], Comma);
    }

    private static ConstraintNode Value(ArgumentSchema schema, PlaceBudget budget, int depth)
    {
        if (schema.Values is { } values)
        {
            return Choice([.. values.Select(Literal)]);
        }

        var types = schema.Types;
        if (schema.IsAny || types == ValueTypes.Unknown)
        {
            return new PythonValueNode(DelimitedKind.Value);
        }

        var alternatives = new List<ConstraintNode>();
        if (types.HasFlag(ValueTypes.Text))
        {
            alternatives.Add(types == ValueTypes.Text && schema.Pattern is { } pattern && SchemaPattern.IsPlain(pattern)
                ? Pattern($"'({pattern})'|\"({pattern})\"") : Pattern(String));
        }

        if ((types & (ValueTypes.Whole | ValueTypes.Number)) != 0)
        {
            var numbers = types & (ValueTypes.Whole | ValueTypes.Number);
            alternatives.Add(numbers == types ? Json(schema) : Json(new JsonObject { ["type"] = numbers.ToNames() }));
        }

        if (types.HasFlag(ValueTypes.Truth))
        {
            alternatives.AddRange(["True", "False", "true", "false"]);
        }

        if (types.HasFlag(ValueTypes.Null))
        {
            alternatives.AddRange(["None", "null"]);
        }

        if (types.HasFlag(ValueTypes.Map))
        {
            alternatives.Add(Dictionary(schema, budget, depth));
        }

        if (types.HasFlag(ValueTypes.List))
        {
            alternatives.Add(List(schema.Items, budget, depth));
        }

        return Choice([.. alternatives]);
    }

    private static ConstraintNode List(ArgumentSchema items, PlaceBudget budget, int depth)
    {
        if (items.IsAny || !budget.Take(depth))
        {
            return new PythonValueNode(DelimitedKind.List);
        }

        var item = Value(items, budget, depth + 1);
        return Sequence("[", Optional(Sequence(item, Star(Sequence(Comma, item)))), "]");
    }

    /// <summary>The ways to write a value.</summary>
    private static ConstraintNode Literal(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Quoted(value.GetString()!),
        JsonValueKind.True => "True",
        JsonValueKind.False => "False",
        JsonValueKind.Null => "None",
        JsonValueKind.Object => new PythonValueNode(DelimitedKind.Dictionary),
        JsonValueKind.Array => new PythonValueNode(DelimitedKind.List),
        _ => value.GetRawText(),
    };

    private static ConstraintNode Quoted(string text) => Choice(Quote(text), $"\"{Escape(text, '"')}\"");

    private static string Escape(string text, char quote) => string.Concat(text.Select(character => character switch
    {
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ when character == quote => "\\" + character,
        < ' ' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)character:x2}"),
        _ => character.ToString(),
    }));
}
