using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// What the settings' <see cref="FunctionChoiceBehavior"/> says for one request: which functions the model is told of, and whether they are invoked
/// for the caller.
/// </summary>
internal sealed class FunctionChoices
{
    /// <summary>
    /// How many requests in a row may end in function calls before the calls are handed to the caller; Semantic Kernel's own limit.
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

    /// <summary>Whether calls are invoked here. The caller gets them otherwise.</summary>
    public bool AutoInvoke => _configuration is { AutoInvoke: true };

    /// <summary>Whether the calls of one message run at the same time.</summary>
    public bool Concurrent => _configuration?.Options.AllowConcurrentInvocation == true;

    /// <param name="behavior">The settings' behavior; null advertises nothing.</param>
    /// <param name="history">The conversation so far.</param>
    /// <param name="round">How many requests were made for this answer before; required calls are required in the first only.</param>
    /// <param name="kernel">The kernel whose functions may be called.</param>
    /// <param name="mayInvoke">Whether calls may be invoked here at all.</param>
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

    /// <summary>The request's options with the tools in them; the given ones stay as they are.</summary>
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

    /// <summary>The function behind a tool's name, if the model was told of it in this request.</summary>
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
