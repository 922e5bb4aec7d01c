using System.Runtime.CompilerServices;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>
/// Python's <c>json.dumps</c> as transformers' <c>tojson</c> calls it: no HTML escaping, keys in their order, floats as repr prints them.
/// </summary>
internal sealed class TemplateJson(RenderContext context, bool ensureAscii, Str? indent, Str itemSeparator, Str keySeparator, bool sortKeys)
{
    private readonly TextBuilder _output = context.Output;

    public void Write(Value value, int depth = 0)
    {
        context.Spend(1);
        switch (value.Kind)
        {
            case ValueKind.None:
                _output.Append("null");
                break;
            case ValueKind.Bool:
                _output.Append(value.Boolean ? "true" : "false");
                break;
            case ValueKind.Int:
            case ValueKind.BigInt:
                PyPrint.WriteRepr(context, value, _output);
                break;
            case ValueKind.Float:
                _output.Append(FloatText.Json(value.Double, FloatStyle.Python));
                break;
            case ValueKind.String:
                WriteString(value.Str);
                break;
            case ValueKind.List:
            case ValueKind.Tuple:
                WriteList(((PySequence)value.Object!).Items, depth);
                break;
            case ValueKind.Dict:
                WriteDict((PyDict)value.Object!, depth);
                break;
            default:
                throw new PyException($"Object of type {PyOps.TypeName(value)} is not JSON serializable");
        }
    }

    private void WriteList(Value[] items, int depth)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (items.Length == 0)
        {
            _output.Append("[]");
            return;
        }

        _output.Append('[');
        for (var i = 0; i < items.Length; i++)
        {
            StartItem(i, depth + 1);
            Write(items[i], depth + 1);
        }

        EndItems(depth);
        _output.Append(']');
    }

    private void WriteDict(PyDict dict, int depth)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (dict.Length == 0)
        {
            _output.Append("{}");
            return;
        }

        _output.Append('{');
        var keys = dict.Keys;
        var values = dict.Values;
        var order = sortKeys ? Sorted(keys.ToArray()) : null;
        for (var i = 0; i < keys.Length; i++)
        {
            var at = order is null ? i : order[i];
            StartItem(i, depth + 1);
            WriteKey(keys[at]);
            _output.Append(keySeparator);
            Write(values[at], depth + 1);
        }

        EndItems(depth);
        _output.Append('}');
    }

    private int[] Sorted(Value[] keys)
    {
        var order = Enumerable.Range(0, keys.Length).ToArray();
        return Sorting.StableSort(order, (x, y) => PyCompare.Compare(context, keys[x], keys[y], "<"));
    }

    private void WriteKey(Value key)
    {
        switch (key.Kind)
        {
            case ValueKind.String:
                WriteString(key.Str);
                break;
            case ValueKind.None or ValueKind.Bool or ValueKind.Int or ValueKind.BigInt or ValueKind.Float:
                _output.Append('"');
                Write(key);
                _output.Append('"');
                break;
            default:
                throw new PyException($"keys must be str, int, float, bool or None, not {PyOps.TypeName(key)}");
        }
    }

    private void StartItem(int index, int depth)
    {
        if (index > 0)
        {
            _output.Append(itemSeparator);
        }

        NewLine(depth);
    }

    private void EndItems(int depth) => NewLine(depth);

    private void NewLine(int depth)
    {
        if (indent is not { } step)
        {
            return;
        }

        _output.Append('\n');
        for (var i = 0; i < depth; i++)
        {
            context.Spend(1);
            _output.Append(step);
        }
    }

    private void WriteString(Str text)
    {
        _output.Append('"');
        var source = text.Text;
        context.Spend(source.Length >> 5);
        var plain = 0;
        while (true)
        {
            var rest = source.AsSpan(plain);
            var next = ensureAscii ? IndexOfNonAsciiOrEscaped(rest) : rest.IndexOfAny(JsonEscape.Escaped);
            if (next < 0)
            {
                _output.Append(text, plain, rest.Length);
                break;
            }

            context.Spend(1);
            _output.Append(text, plain, next);
            _output.Append(JsonEscape.Of(source[plain + next]), Marks.Contains(text.Marks, plain + next));
            plain += next + 1;
        }

        _output.Append('"');
    }

    private static int IndexOfNonAsciiOrEscaped(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is > '~' or < ' ' or '"' or '\\')
            {
                // U+007F is plain in JSON.
                if (text[i] != '\u007f')
                {
                    return i;
                }
            }
        }

        return -1;
    }
}
