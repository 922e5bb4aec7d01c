using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// A function's names: the model knows a tool <c>Plugin_Function</c>, the kernel a function in a plugin, a stream <c>Plugin-Function</c>, which is what
/// Semantic Kernel's FunctionCallContentBuilder splits.
/// </summary>
internal static class FunctionNames
{
    private const char ToolSeparator = '_';
    private const char StreamSeparator = '-';

    public static string ToTool(string? plugin, string function) => Join(plugin, ToolSeparator, function);

    public static string ToStream(string? plugin, string function) => Join(plugin, StreamSeparator, function);

    /// <summary>The plugin of the kernel that has this function. Names may hold the separator themselves, so the kernel is asked and the text is not split blindly.</summary>
    /// <returns>The whole name and no plugin when the kernel has no such function.</returns>
    public static (string? Plugin, string Function) Resolve(string tool, Kernel? kernel)
    {
        foreach (var plugin in kernel?.Plugins ?? Enumerable.Empty<KernelPlugin>())
        {
            if (tool.Length > plugin.Name.Length + 1 && tool[plugin.Name.Length] == ToolSeparator && tool.StartsWith(plugin.Name, StringComparison.OrdinalIgnoreCase)
                && tool[(plugin.Name.Length + 1)..] is var function && plugin.Contains(function))
            {
                return (plugin.Name, function);
            }
        }

        return (null, tool);
    }

    private static string Join(string? plugin, char separator, string function) => string.IsNullOrEmpty(plugin) ? function : $"{plugin}{separator}{function}";
}
