using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

/// <summary>A node of the template's tree. Made by the parser, bound once to its variables, then only read.</summary>
internal abstract class Node(int position)
{
    /// <summary>Offset in the source.</summary>
    public int Position { get; } = position;

    /// <summary>Levels of expression below this node.</summary>
    public int Height { get; set; }

    /// <summary>The child nodes, in jinja2's order.</summary>
    public abstract IEnumerable<Node> Children { get; }

    /// <summary>
    /// Tells <paramref name="symbols"/> which names this node reads and assigns in its scope; nodes with a scope of their own stop here.
    /// </summary>
    public virtual void Declare(Symbols symbols) => DeclareAll(Children, symbols);

    /// <summary>Tells <paramref name="symbols"/> what several nodes read and assign, one after the other.</summary>
    public static void DeclareAll(IEnumerable<Node> nodes, Symbols symbols)
    {
        foreach (var node in nodes)
        {
            node.Declare(symbols);
        }
    }

    /// <summary>Turns names into places of frames.</summary>
    public virtual void Bind(Scope scope)
    {
        foreach (var child in Children)
        {
            child.Bind(scope);
        }
    }

    /// <summary>This node's descendants, parents first.</summary>
    public IEnumerable<Node> Descendants()
    {
        foreach (var child in Children)
        {
            yield return child;
            foreach (var descendant in child.Descendants())
            {
                yield return descendant;
            }
        }
    }
}

/// <summary>An expression.</summary>
internal abstract class Expr(int position) : Node(position)
{
    public abstract Value Eval(Frame frame);

    /// <summary>Writes <c>str(value)</c> to the output; cheaper than evaluating where the text need not exist on its own.</summary>
    public virtual void WriteTo(Frame frame)
    {
        var value = Eval(frame);
        frame.Context.Position = Position;
        PyPrint.Write(frame.Context, value, frame.Context.Output);
    }

    /// <summary>Assigns, where the expression is a target.</summary>
    public virtual void Assign(Frame frame, Value value) => throw new PyException("this expression cannot be assigned to");
}

internal sealed class ConstExpr(Value value, int position) : Expr(position)
{
    public Value Value => value;

    public override IEnumerable<Node> Children => [];

    public override Value Eval(Frame frame) => value;
}

/// <summary>A list or tuple; a tuple of targets unpacks.</summary>
internal sealed class SequenceExpr(Expr[] items, bool isTuple, int position) : Expr(position)
{
    public Expr[] Items => items;

    public bool IsTuple => isTuple;

    public override IEnumerable<Node> Children => items;

    public override Value Eval(Frame frame)
    {
        var values = new Value[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            values[i] = items[i].Eval(frame);
        }

        return Value.Of(new PySequence(values, isTuple));
    }

    public override void Assign(Frame frame, Value value)
    {
        var context = frame.Context;
        context.Position = Position;
        var values = PyOps.TryIterate(value) is null
            ? throw new PyException($"cannot unpack non-iterable {PyOps.TypeName(value)} object")
            : PyOps.ToArray(context, value);
        if (values.Length != items.Length)
        {
            throw new PyException(values.Length < items.Length
                ? $"not enough values to unpack (expected {items.Length}, got {values.Length})"
                : $"too many values to unpack (expected {items.Length})");
        }

        for (var i = 0; i < items.Length; i++)
        {
            items[i].Assign(frame, values[i]);
        }
    }
}

internal sealed class DictExpr(Expr[] keys, Expr[] values, int position) : Expr(position)
{
    public override IEnumerable<Node> Children => keys.Zip(values).SelectMany(pair => new Node[] { pair.First, pair.Second });

    public override Value Eval(Frame frame)
    {
        var dict = new PyDict(Math.Max(1, keys.Length));
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i].Eval(frame);
            var value = values[i].Eval(frame);
            frame.Context.Position = Position;
            dict.Set(frame.Context, key, value);
        }

        return Value.Of(dict);
    }
}
