using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>A template value that is not a plain string: what a <see cref="Value"/> refers to.</summary>
internal abstract class PyObject
{
    public virtual ValueKind Kind => ValueKind.Object;

    /// <summary>The name of the Python type, for error messages.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTruthy => true;

    /// <summary>The attribute of this name, or a missing value.</summary>
    public virtual Value GetAttribute(RenderContext context, string name) => default;

    /// <summary>The iterator of <c>for</c>, or null when the object cannot be iterated.</summary>
    public virtual PyIterator? TryIterate() => null;

    /// <summary>The length of <c>len()</c>, or -1 when the object has none.</summary>
    public virtual int Length => -1;

    public virtual bool IsCallable => false;

    public virtual Value Call(RenderContext context, CallArguments arguments) =>
        throw new PyException($"'{TypeName}' object is not callable");

    /// <summary>Whether a call can write its text to the output itself (<see cref="CallInto"/>), so that it need not exist on its own.</summary>
    public virtual bool WritesItself => false;

    /// <summary>Calls and writes the text to the output; only where <see cref="WritesItself"/>.</summary>
    public virtual void CallInto(RenderContext context, CallArguments arguments) => throw new NotSupportedException();

    /// <summary>Writes <c>repr()</c>.</summary>
    public virtual void WriteRepr(RenderContext context, TextBuilder output) => output.Append($"<{TypeName} object>");
}

/// <summary>A Python iterator or generator: gives each item once.</summary>
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
            // A template can stack generators upon generators.
            RuntimeHelpers.EnsureSufficientExecutionStack();
            var more = items.MoveNext();
            item = more ? items.Current : default;
            return more;
        }
    }
}
