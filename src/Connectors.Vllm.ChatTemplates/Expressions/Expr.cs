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
