using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// The <see cref="FunctionChoiceBehavior"/> of the settings for one request: the functions that are advertised to the model, and whether they are
/// invoked automatically.
/// </summary>
internal sealed class FunctionChoices
{
    /// <summary>
    /// The maximum number of consecutive requests with automatically invoked calls, as in Semantic Kernel; further calls are returned to the caller.
    /// </summary>
    private const int MaxRounds = 128;

    private static readonly FunctionChoices None = new(null, []);

    private readonly FunctionChoiceBehaviorConfiguration? _configuration;
    private readonly IReadOnlyList<FunctionTool> _tools;

    private FunctionChoices(FunctionChoiceBehaviorConfiguration? configuration, IReadOnlyList<FunctionTool> tools)
    {
        _configuration = configuration;
        _tools = tools;
    }

    /// <summary>Whether calls are invoked automatically; otherwise they are returned to the caller.</summary>
    public bool AutoInvoke => _configuration is { AutoInvoke: true };

    /// <summary>Whether the calls of one message are invoked concurrently.</summary>
    public bool Concurrent => _configuration?.Options.AllowConcurrentInvocation == true;

    /// <param name="behavior">The settings' behavior; null advertises nothing.</param>
    /// <param name="history">The conversation so far.</param>
    /// <param name="round">The number of previous requests for this answer; required calls are required in the first one only.</param>
    /// <param name="kernel">The kernel whose functions may be called.</param>
    /// <param name="mayInvoke">Whether calls may be invoked automatically.</param>
    /// <exception cref="KernelException">The behavior names a function the kernel does not have, or wants calls invoked without a kernel.</exception>
    public static FunctionChoices For(FunctionChoiceBehavior? behavior, ChatHistory history, int round, Kernel? kernel, bool mayInvoke)
    {
        if (behavior is null)
        {
            return None;
        }

        var configuration =
            behavior.GetConfiguration(new FunctionChoiceBehaviorConfigurationContext(history) { Kernel = kernel, RequestSequenceIndex = round });
        configuration.AutoInvoke = configuration.AutoInvoke && mayInvoke && kernel is not null && round < MaxRounds;
        return new FunctionChoices(
            configuration,
            [.. (configuration.Functions ?? []).Select(function => new FunctionTool(function, configuration.Options.AllowStrictSchemaAdherence))]);
    }

    /// <summary>Creates a copy of the options with the tools.</summary>
    public ChatOptions? Apply(ChatOptions? options)
    {
        if (_tools.Count == 0)
        {
            return options;
        }

        options = options?.Clone() ?? new ChatOptions();
        options.Tools = [.. _tools];
        options.AllowMultipleToolCalls = _configuration!.Options.AllowParallelCalls;
        options.ToolMode = _configuration.Choice == FunctionChoice.Required ? ChatToolMode.RequireAny
            : _configuration.Choice == FunctionChoice.None ? ChatToolMode.None
            : ChatToolMode.Auto;
        return options;
    }

    /// <summary>Finds the function of a tool's name, if it was advertised in this request.</summary>
    public KernelFunction? Find(string tool) => _tools.FirstOrDefault(known => known.Name == tool)?.Function;
}

/// <summary>
/// A kernel function as a tool the model may call: a declaration, so that no middleware of the chat client invokes it past Semantic Kernel's filters.
/// </summary>
internal sealed class FunctionTool(KernelFunction function, bool strict) : AIFunctionDeclaration
{
    private static readonly IReadOnlyDictionary<string, object?> Strict = new Dictionary<string, object?>(StringComparer.Ordinal)
    { ["strict"] = true };

    public KernelFunction Function => function;

    public override string Name { get; } = FunctionNames.ToTool(function.PluginName, function.Metadata.Name);

    public override string Description => function.Description;

    public override System.Text.Json.JsonElement JsonSchema => function.JsonSchema;

    public override IReadOnlyDictionary<string, object?> AdditionalProperties => strict ? Strict : function.AdditionalProperties;
}

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
    /// <returns>The whole name and no plugin if no such function is known.</returns>
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

/// <summary>
/// Which functions a request may call: <see cref="PromptExecutionSettings.FunctionChoiceBehavior"/>, or what came before it in the OpenAI connector.
/// The type of the latter is specific to that connector and can be identified only by its text.
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

    /// <summary>Whether the value of the setting is supported.</summary>
    public static bool Knows(object? value) =>
        value is not null && Text().IsMatch(Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty);

    private static List<KernelFunction> Functions(Match text, Kernel? kernel) =>
        [.. text.Groups["names"].Value.Split(", ").Select(name => Find(name, kernel))];

    private static KernelFunction Find(string name, Kernel? kernel)
    {
        // The name of a plugin does not contain a dash.
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
