using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Which functions a request may call: <see cref="PromptExecutionSettings.FunctionChoiceBehavior"/>, or what came before it in the OpenAI connector.
/// Its type is that connector's own and says what it is by its text alone.
/// </summary>
internal static partial class ToolCallBehaviors
{
    /// <summary>The OpenAI connector's property as JSON would name it; it gives it no name of its own.</summary>
    public const string Setting = "toolCallBehavior";

    /// <param name="settings">Any connector's settings.</param>
    /// <param name="kernel">The kernel whose functions the behavior may name.</param>
    /// <returns>The behavior; null when no function may be called.</returns>
    /// <exception cref="ArgumentException">The behavior names a function that the kernel does not have.</exception>
    public static FunctionChoiceBehavior? Of(PromptExecutionSettings? settings, Kernel? kernel)
    {
        if (settings is null or VllmPromptExecutionSettings || settings.FunctionChoiceBehavior is not null
            || SettingsMapper.LooseValues(settings).FirstOrDefault(static pair => pair.Key == Setting).Value is not { } value
            || Text().Match(Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty) is not { Success: true } text)
        {
            return settings?.FunctionChoiceBehavior;
        }

        var autoInvoke = bool.Parse(text.Groups["auto"].Value);
        return text.Groups["kind"].Value switch
        {
            "KernelFunctions" => FunctionChoiceBehavior.Auto(autoInvoke: autoInvoke),
            "EnabledFunctions" => FunctionChoiceBehavior.Auto(Functions(text, kernel), autoInvoke),
            _ => FunctionChoiceBehavior.Required(Functions(text, kernel), autoInvoke),
        };
    }

    /// <summary>Whether the value of the setting is understood here.</summary>
    public static bool Knows(object? value) =>
        value is not null && Text().IsMatch(Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty);

    private static List<KernelFunction> Functions(Match text, Kernel? kernel) =>
        [.. text.Groups["names"].Value.Split(", ").Select(name => Find(name, kernel))];

    private static KernelFunction Find(string name, Kernel? kernel)
    {
        // A plugin's name holds no dash.
        var dash = name.IndexOf('-', StringComparison.Ordinal);
        var (plugin, function) = dash < 0 ? (null, name) : (name[..dash], name[(dash + 1)..]);
        return kernel?.Plugins.TryGetFunction(plugin, function, out var found) == true
            ? found
            : throw new ArgumentException(
                $"ToolCallBehavior names the function '{name}', which the kernel does not have. Import its plugin, or use FunctionChoiceBehavior.");
    }

    [GeneratedRegex(
        @"^(?<kind>KernelFunctions|EnabledFunctions|RequiredFunction)\(autoInvoke:(?<auto>True|False)\)(: (?<names>.+))?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Text();
}
