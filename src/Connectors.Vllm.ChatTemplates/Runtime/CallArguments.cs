namespace Connectors.Vllm.ChatTemplates;

/// <summary>The arguments of a call: positional, then keywords.</summary>
internal readonly struct CallArguments(Value[] positional, KeywordArgument[] keywords)
{
    public static readonly CallArguments None = new([], []);

    public Value[] Positional { get; } = positional;

    public KeywordArgument[] Keywords { get; } = keywords;

    /// <summary>The arguments in the order of <paramref name="signature"/>; those not given are missing.</summary>
    public Value[] Bind(Signature signature)
    {
        if (Keywords.Length == 0 && Positional.Length <= signature.Parameters.Length)
        {
            signature.RequireCount(Positional.Length, Positional);
            return Positional;
        }

        if (Positional.Length > signature.Parameters.Length)
        {
            throw new PyException($"{signature.Name}() takes at most {signature.Parameters.Length} argument(s) ({Positional.Length} given)");
        }

        var bound = new Value[signature.Parameters.Length];
        Positional.CopyTo(bound, 0);
        foreach (var keyword in Keywords)
        {
            var at = Array.IndexOf(signature.Parameters, keyword.Name);
            if (at < 0 || signature.IsPositionalOnly)
            {
                throw new PyException($"{signature.Name}() got an unexpected keyword argument '{keyword.Name}'");
            }

            if (!bound[at].IsMissing)
            {
                throw new PyException($"{signature.Name}() got multiple values for argument '{keyword.Name}'");
            }

            bound[at] = keyword.Value;
        }

        signature.RequireCount(bound.Length, bound);
        return bound;
    }

    public CallArguments Skip(int count) => new(Positional[count..], Keywords);

    public void RequireNoKeywords(string name)
    {
        if (Keywords.Length > 0)
        {
            throw new PyException($"{name}() takes no keyword arguments");
        }
    }
}
