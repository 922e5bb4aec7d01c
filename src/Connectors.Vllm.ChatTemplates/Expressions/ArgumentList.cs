using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

/// <summary>The argument expressions of a call, a filter or a test.</summary>
internal sealed class ArgumentList(Expr[] positional, string[] names, Expr[] keywords, Expr? rest, Expr? restKeywords)
{
    public static readonly ArgumentList Empty = new([], [], [], null, null);

    public Expr[] Positional => positional;

    public Expr[] Keywords => keywords;

    public IEnumerable<Node> Nodes => [.. positional, .. keywords, .. new[] { rest, restKeywords }.OfType<Node>()];

    public bool IsEmpty => positional.Length == 0 && keywords.Length == 0 && rest is null && restKeywords is null;

    /// <summary>The argument for a parameter, by keyword or position; null when it is not given.</summary>
    public Expr? Find(string name, int index)
    {
        var at = Array.IndexOf(names, name);
        return at >= 0 ? keywords[at] : index >= 0 && index < positional.Length ? positional[index] : null;
    }

    public CallArguments Eval(Frame frame)
    {
        if (IsEmpty)
        {
            return CallArguments.None;
        }

        var values = positional.Length == 0 ? [] : new Value[positional.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = positional[i].Eval(frame);
        }

        var named = keywords.Length == 0 ? [] : new KeywordArgument[keywords.Length];
        for (var i = 0; i < named.Length; i++)
        {
            named[i] = new KeywordArgument(names[i], keywords[i].Eval(frame));
        }

        return rest is null && restKeywords is null ? new CallArguments(values, named) : EvalRest(frame, values, named);
    }

    private CallArguments EvalRest(Frame frame, Value[] values, KeywordArgument[] named)
    {
        if (rest is not null)
        {
            var more = PyOps.ToArray(frame.Context, rest.Eval(frame));
            frame.Context.Spend(more.Length);
            values = [.. values, .. more];
        }

        if (restKeywords is not null)
        {
            var mapping = restKeywords.Eval(frame);
            if (mapping.Object is not PyDict dict)
            {
                PyOps.ThrowIfUndefined(mapping);
                throw new PyException($"argument after ** must be a mapping, not {PyOps.TypeName(mapping)}");
            }

            var all = new List<KeywordArgument>(named);
            var given = new HashSet<string>(names, StringComparer.Ordinal);
            for (var i = 0; i < dict.Length; i++)
            {
                var name = dict.Keys[i].IsString ? dict.Keys[i].Text : throw new PyException("keywords must be strings");
                frame.Context.Spend(10);
                if (!given.Add(name))
                {
                    throw new PyException($"got multiple values for keyword argument '{name}'");
                }

                all.Add(new KeywordArgument(name, dict.Values[i]));
            }

            named = [.. all];
        }

        return new CallArguments(values, named);
    }
}
