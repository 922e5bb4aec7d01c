namespace Connectors.Vllm.ChatTemplates;

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
