namespace Connectors.Vllm.ChatTemplates.Values;

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

internal readonly record struct KeywordArgument(string Name, Value Value);

/// <summary>The parameters of a built-in filter, test, method or function, without the value it is applied to.</summary>
internal sealed class Signature
{
    /// <param name="name">Name for error messages.</param>
    /// <param name="parameters">Names separated by blanks; a trailing <c>?</c> marks an optional one; a leading <c>/</c> forbids keywords.</param>
    public Signature(string name, string parameters)
    {
        Name = name;
        var names = parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        IsPositionalOnly = names.Length > 0 && names[0] == "/";
        if (IsPositionalOnly)
        {
            names = names[1..];
        }

        Required = names.Count(parameter => !parameter.EndsWith('?'));
        Parameters = [.. names.Select(parameter => parameter.TrimEnd('?'))];
    }

    public string Name { get; }

    public string[] Parameters { get; }

    public int Required { get; }

    public bool IsPositionalOnly { get; }

    public void RequireCount(int count, Value[] arguments)
    {
        for (var i = 0; i < Required; i++)
        {
            if (i >= count || arguments[i].IsMissing)
            {
                throw new PyException($"{Name}() missing required argument '{Parameters[i]}'");
            }
        }
    }
}

/// <summary>A global function of the template environment.</summary>
internal sealed class BuiltinFunction(string name, Func<RenderContext, CallArguments, Value> body) : PyObject
{
    public override string TypeName => "function";

    public override bool IsCallable => true;

    public override Value Call(RenderContext context, CallArguments arguments) => body(context, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) => output.Append($"<function {name}>");
}
