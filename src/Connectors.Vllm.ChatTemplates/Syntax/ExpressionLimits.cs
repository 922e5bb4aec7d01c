namespace Connectors.Vllm.ChatTemplates;

/// <summary>What bounds expressions: parsing recurses along their nesting, evaluation along the height of their trees.</summary>
internal sealed class ExpressionLimits
{
    private const int MaxDepth = 70;
    private const int MaxHeight = 250;

    private int _depth;

    /// <summary>Nodes made so far: the weight of statements.</summary>
    public int Count { get; private set; }

    /// <summary>Goes one level deeper, until <see cref="Leave"/>.</summary>
    /// <exception cref="TemplateSyntaxException">That is too deep.</exception>
    public void Enter(int position)
    {
        if (++_depth > MaxDepth)
        {
            throw new TemplateSyntaxException($"expressions are nested more than {MaxDepth} deep", position);
        }
    }

    public void Leave() => _depth--;

    /// <summary>Counts a node whose children are known, and gives it its height.</summary>
    /// <exception cref="TemplateSyntaxException">The tree is too high.</exception>
    public T Admit<T>(T node)
        where T : Expr
    {
        Count++;
        foreach (var child in node.Children)
        {
            node.Height = Math.Max(node.Height, child.Height + 1);
        }

        return node.Height <= MaxHeight ? node : throw new TemplateSyntaxException($"an expression is more than {MaxHeight} operations deep", node.Position);
    }
}
