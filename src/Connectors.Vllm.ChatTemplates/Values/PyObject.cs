using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>A template value that is not a plain string, referenced by a <see cref="Value"/>.</summary>
internal abstract class PyObject
{
    public virtual ValueKind Kind => ValueKind.Object;

    /// <summary>The name of the Python type, for error messages.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTruthy => true;

    /// <summary>Gets the attribute with this name, or a missing value.</summary>
    public virtual Value GetAttribute(RenderContext context, string name) => default;

    /// <summary>Gets the iterator, or null if the object cannot be iterated.</summary>
    public virtual PyIterator? TryIterate() => null;

    /// <summary>The result of <c>len()</c>, or -1 if the object has no length.</summary>
    public virtual int Length => -1;

    public virtual bool IsCallable => false;

    public virtual Value Call(RenderContext context, CallArguments arguments) =>
        throw new PyException($"'{TypeName}' object is not callable");

    /// <summary>Whether a call can write its text directly to the output (<see cref="CallInto"/>).</summary>
    public virtual bool WritesItself => false;

    /// <summary>Calls the object and writes the text to the output; only if <see cref="WritesItself"/>.</summary>
    public virtual void CallInto(RenderContext context, CallArguments arguments) => throw new NotSupportedException();

    /// <summary>Writes <c>repr()</c>.</summary>
    public virtual void WriteRepr(RenderContext context, TextBuilder output) => output.Append($"<{TypeName} object>");
}

/// <summary>A Python iterator or generator, which returns each item once.</summary>
internal abstract class PyIterator : PyObject
{
    public override string TypeName => "generator";

    public abstract bool Next(out Value item);

    public override PyIterator TryIterate() => this;

    public static PyIterator Empty() => new ArrayIterator([], 0);

    public static PyIterator Over(Value[] items, int count) => new ArrayIterator(items, count);

    public static PyIterator Over(IEnumerable<Value> items) => new EnumeratorIterator(items.GetEnumerator());

    private sealed class ArrayIterator(Value[] items, int count) : PyIterator
    {
        private int _next;

        public override bool Next(out Value item)
        {
            if (_next < count)
            {
                item = items[_next++];
                return true;
            }

            item = default;
            return false;
        }
    }

    private sealed class EnumeratorIterator(IEnumerator<Value> items) : PyIterator
    {
        public override bool Next(out Value item)
        {
            // A template can nest generators without limit.
            RuntimeHelpers.EnsureSufficientExecutionStack();
            var more = items.MoveNext();
            item = more ? items.Current : default;
            return more;
        }
    }
}

/// <summary>The arguments of a call: positional, then keywords.</summary>
internal readonly struct CallArguments(Value[] positional, KeywordArgument[] keywords)
{
    public static readonly CallArguments None = new([], []);

    public Value[] Positional { get; } = positional;

    public KeywordArgument[] Keywords { get; } = keywords;

    /// <summary>Gets the arguments in the order of <paramref name="signature"/>; omitted ones are missing values.</summary>
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
    /// <param name="parameters">The names, separated by spaces; a trailing <c>?</c> marks an optional one, and a leading <c>/</c> disallows
    /// keywords.</param>
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
