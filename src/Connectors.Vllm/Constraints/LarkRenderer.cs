using System.Text.Json.Nodes;
using System.Text.Json;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// Writes a constraint as a Lark grammar, in the part of the language that both compilers of vLLM (xgrammar and llguidance) read: no regular
/// expression flags, no intersections, and special tokens by their ids, because a literal never matches one. One renderer writes one grammar.
/// </summary>
/// <remarks>
/// llguidance reads its input in lexemes, the longest first. Everything regular that belongs together is therefore one terminal: within a terminal,
/// texts that begin alike are told apart, between two terminals they are not.
/// </remarks>
internal sealed partial class LarkRenderer
{
    private readonly bool _boundsWhiteSpace;
    private readonly List<(string Text, int Id)> _specials;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private readonly StringBuilder _rules = new();

    /// <param name="specialTokens">The special tokens of the vocabulary; null when they are unknown, then markers are ordinary text.</param>
    /// <param name="boundsWhiteSpace">Whether JSON is written without white space except one space after commas and colons.</param>
    public LarkRenderer(IReadOnlyDictionary<int, string>? specialTokens, bool boundsWhiteSpace)
    {
        _boundsWhiteSpace = boundsWhiteSpace;
        _specials = specialTokens is null
            ? []
            : [.. specialTokens.Where(token => token.Value.Length > 0).Select(token => (token.Value, token.Key))
                .OrderByDescending(token => token.Value.Length)];
    }

    /// <exception cref="OutputFormatException">The constraint has a part that Lark cannot express.</exception>
    public string Render(ConstraintNode constraint)
    {
        var start = Expression(constraint);
        return $"start: {(start.Length == 0 ? "\"\"" : start)}\n{_rules}";
    }

    /// <summary>The schema of a JSON value as llguidance shall read it; xgrammar ignores the added key.</summary>
    public static string JsonSchema(JsonValueNode json, bool boundsWhiteSpace)
    {
        const string Key = "x-guidance";
        var schema = json.IsOfTool ? ToolSchemaText.ForGuidance(json.Schema) : json.Schema;
        var copy = schema as JsonObject is { } known ? (JsonObject)known.DeepClone() : schema.GetValueKind() == JsonValueKind.True ? [] : null;
        if (copy is null)
        {
            return TagRenderer.Write(schema);
        }

        if (boundsWhiteSpace && !copy.ContainsKey(Key))
        {
            copy[Key] = new JsonObject { ["whitespace_flexible"] = false, ["item_separator"] = ", ?", ["key_separator"] = ": ?" };
        }

        return TagRenderer.Write(copy);
    }

    private string Expression(ConstraintNode node) => node switch
    {
        LiteralNode literal => HasSpecial(literal.Text) ? Sequence(Cut(literal.Text)) : JsonText.Quote(literal.Text),
        SpecialTokenNode token => Tokens([token.Id]),
        JsonValueNode json => Named("json", "%json " + JsonSchema(json, _boundsWhiteSpace)),
        SequenceNode =>
            Sequence([.. ConstraintNode.Flatten(node).SelectMany(element => element is LiteralNode literal ? Cut(literal.Text) : [element])]),
        RepeatNode repeat => Repeat(
            repeat, Named("r", Expression(repeat.Item)), repeat.Separator.Length == 0 ? "" : Expression(ConstraintNode.Literal(repeat.Separator))),
        _ when Terminal(node) is { } terminal => Named("T", terminal),
        FreeTextNode text => FreeText(text),
        ChoiceNode choice => Choice(choice.Alternatives),
        CallsInTextNode calls => CallsInText(calls),
        DelimitedValueNode value => DelimitedValue(value),
        PythonValueNode value => PythonValue(value),
        GrammarNode { IsEbnf: false } grammar => Named("r", $"%lark {{\n{grammar.Text}\n}}"),
        GrammarNode => throw new OutputFormatException(
            "An EBNF grammar cannot be part of a Lark grammar, which this server requires. Write it in Lark, or turn off thinking and tools "
            + "for this request."),
        TagFormatNode => throw new OutputFormatException(
            "A structural tag cannot be part of a Lark grammar, which this server requires. Write it as a Lark grammar, or turn off thinking and "
            + "tools for this request."),
        _ => throw new InvalidOperationException($"No Lark for {node.GetType().Name}."),
    };

    /// <summary>The expression of one terminal for what is regular; null for everything else.</summary>
    private string? Terminal(ConstraintNode node) => node switch
    {
        LiteralNode literal => HasSpecial(literal.Text) ? null : JsonText.Quote(literal.Text),
        PatternNode pattern => $"/{Slashes().Replace(pattern.Regex, match => match.Value == "/" ? "\\/" : match.Value)}/",
        FreeTextNode text => text.Ends.Any(HasSpecial) ? null
            : text.Ends.Length == 0 ? Regex(MarkerPattern.Without(text.Excludes))
            : text.MayStop
                ? $"({Regex(MarkerPattern.UpTo(text.Ends, text.Excludes))} | {Regex(MarkerPattern.Without([.. text.Ends, .. text.Excludes]))})"
            : Regex(MarkerPattern.UpTo(text.Ends, text.Excludes)),
        SequenceNode => All(ConstraintNode.Flatten(node)) is { } parts ? Join(parts) : null,
        ChoiceNode choice => All(choice.Alternatives) is { } alternatives ? $"({string.Join(" | ", alternatives)})" : null,
        RepeatNode repeat => HasSpecial(repeat.Separator) || Terminal(repeat.Item) is not { } item ? null
            : Repeat(repeat, $"({item})", repeat.Separator.Length == 0 ? "" : JsonText.Quote(repeat.Separator)),
        _ => null,
    };

    private List<string>? All(IEnumerable<ConstraintNode> nodes)
    {
        var terminals = new List<string>();
        foreach (var node in nodes)
        {
            if (Terminal(node) is not { } terminal)
            {
                return null;
            }

            terminals.Add(terminal);
        }

        return terminals;
    }

    /// <summary>
    /// Regular elements side by side are one terminal, but for those at its end that may be missing or come again: the longest match would run into
    /// what follows.
    /// </summary>
    private string Sequence(List<ConstraintNode> elements)
    {
        var parts = new List<string>();
        for (var i = 0; i < elements.Count;)
        {
            var run = elements.Skip(i).TakeWhile(element => Terminal(element) is not null).Count();
            while (run > 1 && elements[i + run - 1] is RepeatNode && i + run < elements.Count)
            {
                run--;
            }

            parts.Add(run > 1 ? Named("T", Join(All(elements.GetRange(i, run))!)) : Expression(elements[i]));
            i += Math.Max(1, run);
        }

        return Join(parts);
    }

    private string Choice(ConstraintNode[] alternatives)
    {
        if (Array.Exists(alternatives, static alternative => alternative is JsonValueNode) && Array.Exists(alternatives, BeginsAsJson))
        {
            throw new OutputFormatException(
                "In this model's format a tool call begins like JSON, and a grammar for this server's compiler cannot distinguish a call from a "
                + "JSON answer. Request JSON without tools, or tools without a response format.");
        }

        return Named("r", string.Join(" | ", alternatives.Select(Expression)));
    }

    private static bool BeginsAsJson(ConstraintNode node) => node switch
    {
        LiteralNode literal => literal.Text is ['{' or '[', '"' or '{' or '[', ..],
        SequenceNode => ConstraintNode.Flatten(node) is [var first, ..] && BeginsAsJson(first),
        ChoiceNode choice => Array.Exists(choice.Alternatives, BeginsAsJson),
        RepeatNode repeat => BeginsAsJson(repeat.Item),
        _ => false,
    };

    private static string Repeat(RepeatNode repeat, string item, string separator) => (repeat.Min, repeat.Max) switch
    {
        (1, 1) => item,
        (0, 1) => item + "?",
        (0, _) => item + "*",
        _ => separator.Length == 0 ? item + "+" : $"{item} ({separator} {item})*",
    };

    /// <summary>
    /// Free text up to markers of which some are, or hold, special tokens: those end the text by themselves, since no text matches them.
    /// </summary>
    private string FreeText(FreeTextNode text)
    {
        string[] markers = [.. text.Ends.Concat(text.Excludes).Select(FirstSpecial)];
        var alternatives = text.Ends.Select(end => UpTo(end, markers, between: "")).ToList();
        if (text.MayStop)
        {
            alternatives.Add(Named("T", Without(markers)));
        }

        return alternatives.Count == 1 ? alternatives[0] : Named("r", string.Join(" | ", alternatives));
    }

    /// <summary>Between calls, text may have other special tokens in it: markers of answers and reasoning.</summary>
    private string CallsInText(CallsInTextNode calls)
    {
        string[] markers = [FirstSpecial(calls.Trigger), .. calls.Excludes.Select(FirstSpecial)];
        var text = Named("T", Without(markers));
        int[] others = [.. _specials.Where(special => !markers.Contains(special.Text, StringComparer.Ordinal)).Select(special => special.Id).Order()];
        var between = others.Length == 0 ? "" : Named("r", $"{text} {Tokens(others)}") + "*";
        var behind = Expression(ConstraintNode.Choice([.. calls.Calls.Select(item => Behind(calls.Trigger, item))]));
        var call = Named("r", Join([UpTo(calls.Trigger, markers, between), behind]));
        var rest = Join([between, text]);
        return calls.Many ? $"{call}* {rest}" : Named("r", $"{call} | {rest}");
    }

    /// <summary>Text up to an end, with what may come before it.</summary>
    private string UpTo(string end, string[] markers, string between)
    {
        var parts = Cut(end);
        var before = parts[0] is LiteralNode { Text: var beginning } ? beginning : "";
        var text = Join([Without(markers), before.Length == 0 ? "" : JsonText.Quote(before)]);
        return parts.Exists(static part => part is SpecialTokenNode)
            ? Join([between, Named("T", text), Sequence(before.Length == 0 ? parts : parts[1..])])
            : Join([between, Named("T", Regex(MarkerPattern.UpTo([end], [.. markers.Except([end])])))]);
    }

    /// <summary>A call without the trigger that it begins with.</summary>
    private static ConstraintNode Behind(string trigger, ConstraintNode call)
    {
        var flat = ConstraintNode.Flatten(call);
        return flat is [LiteralNode first, ..] && first.Text.StartsWith(trigger, StringComparison.Ordinal)
            ? ConstraintNode.Sequence([ConstraintNode.Literal(first.Text[trigger.Length..]), .. flat.Skip(1)])
            : throw new InvalidOperationException("A call begins with its trigger.");
    }

    private string DelimitedValue(DelimitedValueNode value)
    {
        var text = Expression(ConstraintNode.Sequence(ConstraintNode.Literal(value.Delimiter), ConstraintNode.UpTo(value.Delimiter)));
        Define("any_value",
            $"{text} | /-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?/ | \"true\" | \"false\" | \"null\" | any_dictionary | any_list");
        Define("any_dictionary", "\"{\" (any_pair (\",\" any_pair)*)? \"}\"");
        Define("any_pair", "/[a-zA-Z0-9_.$-]+/ \":\" any_value");
        Define("any_list", "\"[\" (any_value (\",\" any_value)*)? \"]\"");
        return "any_" + value.Kind.ToString().ToLowerInvariant();
    }

    private string PythonValue(PythonValueNode value)
    {
        Define(
            "py_value",
                $"/{PythonArguments.String}/ | /-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?/ | /True|False|None|true|false|null/ "
            + "| py_dictionary | py_list");
        Define("py_dictionary", "\"{\" (py_pair (/, ?/ py_pair)*)? \"}\"");
        Define("py_pair", $"/{PythonArguments.String}/ /: ?/ py_value");
        Define("py_list", "\"[\" (py_value (/, ?/ py_value)*)? \"]\"");
        return "py_" + value.Kind.ToString().ToLowerInvariant();
    }

    private string Without(string[] markers) => Regex(MarkerPattern.Without(markers));

    private string Regex(string regex) => Named("T", $"/{regex}/");

    /// <summary>The name of a rule or terminal with this body, which is written once.</summary>
    private string Named(string prefix, string body)
    {
        // A single name needs no name of its own.
        if (!body.StartsWith('%') && body.All(character => char.IsAsciiLetterOrDigit(character) || character == '_'))
        {
            return body;
        }

        if (!_names.TryGetValue(prefix + body, out var name))
        {
            name = $"{prefix}{_names.Count + 1}";
            _names.Add(prefix + body, name);
            _rules.Append(name).Append(": ").Append(body).Append('\n');
        }

        return name;
    }

    private void Define(string name, string body)
    {
        if (_names.TryAdd(name, name))
        {
            _rules.Append(name).Append(": ").Append(body).Append('\n');
        }
    }

    private bool HasSpecial(string text) => _specials.Exists(special => text.Contains(special.Text, StringComparison.Ordinal));

    /// <summary>The first special token in a marker, which alone tells that the marker comes; the marker itself where it has none.</summary>
    private string FirstSpecial(string marker) => Cut(marker).OfType<SpecialTokenNode>().FirstOrDefault()?.Text ?? marker;

    /// <summary>A text cut at its special tokens.</summary>
    private List<ConstraintNode> Cut(string text)
    {
        var parts = new List<ConstraintNode>();
        var from = 0;
        for (var i = 0; i < text.Length;)
        {
            var (special, id) = _specials.Find(special => string.CompareOrdinal(text, i, special.Text, 0, special.Text.Length) == 0);
            if (special is null)
            {
                i++;
                continue;
            }

            if (i > from)
            {
                parts.Add(new LiteralNode(text[from..i]));
            }

            parts.Add(new SpecialTokenNode(special, id));
            from = i += special.Length;
        }

        if (from < text.Length)
        {
            parts.Add(new LiteralNode(text[from..]));
        }

        return parts;
    }

    /// <summary>One of some tokens; ids in a row are a range.</summary>
    private static string Tokens(int[] ids)
    {
        var ranges = new StringBuilder();
        for (var i = 0; i < ids.Length;)
        {
            var last = i;
            while (last + 1 < ids.Length && ids[last + 1] == ids[last] + 1)
            {
                last++;
            }

            ranges.Append(ranges.Length > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{ids[i]}");
            if (last > i)
            {
                ranges.Append(CultureInfo.InvariantCulture, $"-{ids[last]}");
            }

            i = last + 1;
        }

        return $"<[{ranges}]>";
    }

    /// <summary>An escaped sign, or a slash.</summary>
    [GeneratedRegex(@"\\.|/", RegexOptions.Singleline)]
    private static partial Regex Slashes();

    private static string Join(IEnumerable<string> parts) => string.Join(' ', parts.Where(part => part.Length > 0));
}
