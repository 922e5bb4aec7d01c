namespace Connectors.Vllm.ChatTemplates;

/// <summary>Finds out whether statements read a special name (loop, caller, varargs, kwargs) that they do not assign before.</summary>
internal static class Undeclared
{
    public static bool Find(IEnumerable<Node> nodes, string name)
    {
        var assigned = false;
        return Find(nodes, name, ref assigned);
    }

    private static bool Find(IEnumerable<Node> nodes, string name, ref bool assigned)
    {
        foreach (var node in nodes)
        {
            if (node is NameExpr { } found && found.Name == name)
            {
                if (found.Use == NameUse.Read)
                {
                    if (!assigned)
                    {
                        return true;
                    }
                }
                else
                {
                    assigned = true;
                }
            }
            else if (node is not BlockStmt && Find(node.Children, name, ref assigned))
            {
                return true;
            }
        }

        return false;
    }
}
