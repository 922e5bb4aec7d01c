using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// A function's names: the model knows a tool <c>Plugin_Function</c> (a dash would be an operator to models that write calls as Python), the kernel a
/// function in a plugin, a stream <c>Plugin-Function</c>, which is what Semantic Kernel's FunctionCallContentBuilder splits.
/// </summary>
internal static class FunctionNames
{
    private const char ToolSeparator = '_';
    private const char StreamSeparator = '-';

    public static string ToTool(string? plugin, string function) => Join(plugin, ToolSeparator, function);

    public static string ToStream(string? plugin, string function) => Join(plugin, StreamSeparator, function);

    /// <summary>
    /// Plugin and function of a tool: one the model was told of in this request, else one of the kernel. Names may hold the separator themselves, so
    /// no text is split blindly.
    /// </summary>
    /// <returns>The whole name and no plugin when nobody knows such a function.</returns>
    public static (string? Plugin, string Function) Resolve(string tool, FunctionChoices choices, Kernel? kernel)
    {
        if (choices.Find(tool) is { } advertised)
        {
            return (advertised.PluginName, advertised.Metadata.Name);
        }

        foreach (var plugin in kernel?.Plugins ?? Enumerable.Empty<KernelPlugin>())
        {
            if (tool.Length > plugin.Name.Length + 1 && tool[plugin.Name.Length] == ToolSeparator
                && tool.StartsWith(plugin.Name, StringComparison.OrdinalIgnoreCase)
                && tool[(plugin.Name.Length + 1)..] is var function && plugin.Contains(function))
            {
                return (plugin.Name, function);
            }
        }

        return (null, tool);
    }

    private static string Join(string? plugin, char separator, string function) => string.IsNullOrEmpty(plugin)
        ? function
        : $"{plugin}{separator}{function}";
}
