using System.Runtime.CompilerServices;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>The state of a render: output, variables, the current position in the template, and the remaining budget.</summary>
internal sealed class RenderContext : IDisposable
{
    private const long StepsPerPair = 30;
    private const long MaxPairs = 25_000_000;

    private readonly ChatTemplateOptions _options;
    private readonly Dictionary<string, Value> _variables;
    private readonly IReadOnlyDictionary<string, Value> _globals;
    private long _stepsLeft;
    private int _callDepth;

    /// <param name="options">The limits.</param>
    /// <param name="variables">The variables of this render, to which the template adds its own.</param>
    /// <param name="globals">The global functions, looked up after the variables.</param>
    /// <param name="clock">The clock of <c>strftime_now</c>.</param>
    public RenderContext(
        ChatTemplateOptions options, Dictionary<string, Value> variables, IReadOnlyDictionary<string, Value> globals, TimeProvider clock)
    {
        _options = options;
        _variables = variables;
        _globals = globals;
        long messages = variables.TryGetValue("messages", out var list) && list.Object is PySequence sequence ? sequence.Length : 0;
        _stepsLeft = options.MaxSteps + (StepsPerPair * Math.Min(messages * messages, MaxPairs));
        Clock = clock;
        Output = new TextBuilder(options.MaxOutputLength);
    }

    public TextBuilder Output { get; }

    public TimeProvider Clock { get; }

    /// <summary>The offset in the source of the node that is being evaluated, for errors.</summary>
    public int Position { get; set; }

    public Random Random => field ??= new Random();

    public void Dispose() => Output.Dispose();

    /// <summary>Gets a variable of the template, or a missing value.</summary>
    public Value Resolve(string name) =>
        _variables.TryGetValue(name, out var value) || _globals.TryGetValue(name, out value) ? value : default;

    /// <summary>Makes a top-level variable visible to the template's blocks.</summary>
    public void Export(string name, Value value) => _variables[name] = value;

    /// <summary>Counts work, and throws if the limit is exceeded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Spend(long steps)
    {
        _stepsLeft -= steps;
        if (_stepsLeft < 0)
        {
            ThrowExhausted();
        }
    }

    /// <summary>Counts the work of processing a text, and throws if it is too long.</summary>
    public void SpendText(long length)
    {
        if (length > _options.MaxOutputLength)
        {
            throw new PyException($"a string of {length} UTF-16 code units exceeds the limit of {_options.MaxOutputLength}");
        }

        Spend(length >> 4);
    }

    /// <summary>
    /// Counts the work of copying a text. Copying is much faster than processing each character, but copies may be kept in memory. A step therefore
    /// corresponds to 64 bytes, so that a template that accumulates text exceeds its steps before the process runs out of memory.
    /// </summary>
    public void SpendCopy(long length)
    {
        if (length > _options.MaxOutputLength)
        {
            SpendText(length);
        }

        Spend(length >> 5);
    }

    /// <summary>Counts the work of trimming, which searches each character among those to strip.</summary>
    public void SpendTrim(long length, Value characters) => Spend(length * (characters.IsString ? 4 + characters.Text.Length : 4) >> 6);

    /// <summary>Counts the work of changing a text's case, which goes character by character beyond ASCII.</summary>
    public void SpendCasing(string text) => Spend(Ascii.IsValid(text) ? text.Length >> 4 : text.Length >> 1);

    public void EnterCall()
    {
        if (++_callDepth > _options.MaxCallDepth)
        {
            throw new PyException($"maximum recursion depth exceeded: more than {_options.MaxCallDepth} nested macro calls");
        }

        RuntimeHelpers.EnsureSufficientExecutionStack();
    }

    public void LeaveCall() => _callDepth--;

    private void ThrowExhausted() =>
        throw new PyException($"the template does not terminate: stopped after more than {_options.MaxSteps} steps");
}

/// <summary>A runtime error in a template; rendering adds the position and throws it as <see cref="ChatTemplateException"/>.</summary>
internal sealed class PyException(string message) : Exception(message);

/// <summary>A syntax error at an offset; parsing adds line and column and throws it as <see cref="ChatTemplateException"/>.</summary>
internal sealed class TemplateSyntaxException(string message, int position) : Exception(message)
{
    public int Position { get; } = position;
}
