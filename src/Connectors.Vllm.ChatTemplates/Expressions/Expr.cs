using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Expressions;

/// <summary>A node of the syntax tree. Created by the parser, bound once to its variables, and immutable afterwards.</summary>
internal abstract class Node(int position)
{
    /// <summary>Offset in the source.</summary>
    public int Position { get; } = position;

    /// <summary>Levels of expression below this node.</summary>
    public int Height { get; set; }

    /// <summary>The child nodes, in jinja2's order.</summary>
    public abstract IEnumerable<Node> Children { get; }

    /// <summary>
    /// Adds the names that this node reads and assigns in its scope to <paramref name="symbols"/>; overridden by nodes with a scope of their own.
    /// </summary>
    public virtual void Declare(Symbols symbols) => DeclareAll(Children, symbols);

    /// <summary>Adds the names of several nodes to <paramref name="symbols"/>, in order.</summary>
    public static void DeclareAll(IEnumerable<Node> nodes, Symbols symbols)
    {
        foreach (var node in nodes)
        {
            node.Declare(symbols);
        }
    }

    /// <summary>Binds names to slots of frames.</summary>
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

    /// <summary>Writes <c>str(value)</c> to the output, which is cheaper than evaluating it to a string first.</summary>
    public virtual void WriteTo(Frame frame)
    {
        var value = Eval(frame);
        frame.Context.Position = Position;
        PyPrint.Write(frame.Context, value, frame.Context.Output);
    }

    /// <summary>Assigns a value, if the expression is a target.</summary>
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
