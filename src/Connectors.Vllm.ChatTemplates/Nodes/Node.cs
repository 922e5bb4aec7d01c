namespace Connectors.Vllm.ChatTemplates;

/// <summary>A node of the template's tree. Made by the parser, bound once to its variables, then only read.</summary>
internal abstract class Node(int position)
{
    /// <summary>Offset in the source.</summary>
    public int Position { get; } = position;

    /// <summary>Levels of expression below this node.</summary>
    public int Height { get; set; }

    /// <summary>The child nodes, in jinja2's order.</summary>
    public abstract IEnumerable<Node> Children { get; }

    /// <summary>Tells <paramref name="symbols"/> which names this node reads and assigns in its scope; nodes with a scope of their own stop here.</summary>
    public virtual void Declare(Symbols symbols)
    {
        foreach (var child in Children)
        {
            child.Declare(symbols);
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
