using Connectors.Vllm.ChatTemplates.Expressions;
using Connectors.Vllm.ChatTemplates.Statements;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Input;

/// <summary>
/// Detects whether a template iterates over message content, by vLLM's rules: a loop over <c>message.content</c>, where message is the variable of a
/// loop over messages (or an alias of messages); outside macros a loop over a variable named content; inside a macro a loop over a parameter to which
/// some call passes <c>message.content</c>. If these rules do not apply, the format is string.
/// </summary>
internal static class ContentFormatDetection
{
    // Real templates have one or two; the limit keeps the search from becoming quadratic.
    private const int MaxNames = 32;

    public static ChatContentFormat Detect(Stmt[] body)
    {
        var nodes = body.SelectMany(statement => statement.Descendants().Prepend(statement)).ToList();
        if (MessageNames(nodes) is not { } messages)
        {
            return ChatContentFormat.String;
        }

        var inMacros = nodes.OfType<MacroStmt>().SelectMany(macro => macro.Descendants().OfType<ForStmt>()).ToHashSet();
        foreach (var loop in nodes.OfType<ForStmt>())
        {
            var overContent = messages.Any(name => IsAccess(loop.Iterable, name, "content"))
                || (!inMacros.Contains(loop) && IsAccess(loop.Iterable, "content", null));
            if (overContent)
            {
                // The reference does not support a tuple as the loop's target.
                return loop.Target is NameExpr ? ChatContentFormat.OpenAI : ChatContentFormat.String;
            }
        }

        return nodes.OfType<MacroStmt>().Any(macro => LoopsOverParameter(macro, nodes, messages))
            ? ChatContentFormat.OpenAI
            : ChatContentFormat.String;
    }

    /// <summary>Gets the variables of loops over messages; null if the reference does not support the template.</summary>
    private static List<string>? MessageNames(List<Node> nodes)
    {
        var lists = new List<string> { "messages" };
        for (var i = 0; i < lists.Count; i++)
        {
            foreach (var assignment in nodes.OfType<SetStmt>().Where(assignment => IsAccess(assignment.Value, lists[i], null)))
            {
                if (assignment.Target is not NameExpr alias)
                {
                    return null;
                }

                if (!lists.Contains(alias.Name))
                {
                    lists.Add(alias.Name);
                }
            }

            if (lists.Count > MaxNames)
            {
                return null;
            }
        }

        var names = new List<string>();
        foreach (var loop in nodes.OfType<ForStmt>().Where(loop => lists.Exists(name => IsAccess(loop.Iterable, name, null))))
        {
            if (loop.Target is not NameExpr message)
            {
                return null;
            }

            if (!names.Contains(message.Name))
            {
                names.Add(message.Name);
            }
        }

        return names.Count > MaxNames ? null : names;
    }

    private static bool LoopsOverParameter(MacroStmt macro, List<Node> nodes, List<string> messages)
    {
        var looped = macro.Descendants().OfType<ForStmt>()
            .SelectMany(loop => macro.ParameterNames.Where(parameter => IsAccess(loop.Iterable, parameter, null)))
            .ToHashSet();
        return looped.Count > 0 && nodes.OfType<CallExpr>()
            .Where(call => call.Callee is NameExpr callee && callee.Name == macro.Name)
            .Any(call => looped.Any(parameter => call.Arguments.Find(parameter, Array.IndexOf(macro.ParameterNames, parameter)) is { } argument
                && messages.Any(name => IsAccess(argument, name, "content"))));
    }

    /// <summary>Whether an expression is the variable (or its key), possibly with filters, tests and slices.</summary>
    private static bool IsAccess(Expr expression, string variable, string? key) => expression switch
    {
        FilterExpr { Operand: { } operand } => IsAccess(operand, variable, key),
        TestExpr test => IsAccess(test.Operand, variable, key),
        SliceExpr slice => IsAccess(slice.Owner, variable, key),
        NameExpr name => key is null && name.Name == variable,
        AttributeExpr attribute => attribute.Name == key && IsAccess(attribute.Owner, variable, null) && attribute.Owner is NameExpr,
        ItemExpr { Key: ConstExpr { Value.IsString: true } constant } item => constant.Value.Text == key && item.Owner is NameExpr owner
            && owner.Name == variable,
        _ => false,
    };
}
