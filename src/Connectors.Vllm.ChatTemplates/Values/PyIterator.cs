using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates;

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
