using System.Runtime.CompilerServices;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>The state of one render: output, variables, the current place in the template, and what is left of its budget.</summary>
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
    /// <param name="variables">The variables of this render; the template adds its own.</param>
    /// <param name="globals">What every template can call, after the variables.</param>
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

    /// <summary>Offset in the source of what is being evaluated; only the errors look at it.</summary>
    public int Position { get; set; }

    public Random Random => field ??= new Random();

    public void Dispose() => Output.Dispose();

    /// <summary>A variable of the template, or a missing value.</summary>
    public Value Resolve(string name) =>
        _variables.TryGetValue(name, out var value) || _globals.TryGetValue(name, out value) ? value : default;

    /// <summary>Makes a top-level variable visible to the template's blocks.</summary>
    public void Export(string name, Value value) => _variables[name] = value;

    /// <summary>Counts work; ends a template that does too much.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Spend(long steps)
    {
        _stepsLeft -= steps;
        if (_stepsLeft < 0)
        {
            ThrowExhausted();
        }
    }

    /// <summary>Counts the work of handling a text, and refuses one that is too long.</summary>
    public void SpendText(long length)
    {
        if (length > _options.MaxOutputLength)
        {
            throw new PyException($"a string of {length} UTF-16 code units exceeds the limit of {_options.MaxOutputLength}");
        }

        Spend(length >> 4);
    }

    /// <summary>
    /// Counts the work of copying a text. Copying is far quicker than looking at each character, but what is copied may be kept: a step stands for
    /// 64 bytes, so that a template that hoards texts runs out of steps before its host runs out of memory.
    /// </summary>
    public void SpendCopy(long length)
    {
        if (length > _options.MaxOutputLength)
        {
            SpendText(length);
        }

        Spend(length >> 5);
    }

    /// <summary>Counts the work of trimming: each character is looked for among those to strip.</summary>
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

/// <summary>A runtime error inside a template; the render adds the place and hands it out as <see cref="ChatTemplateException"/>.</summary>
internal sealed class PyException(string message) : Exception(message);

/// <summary>A syntax error at an offset; parsing adds line and column and hands it out as <see cref="ChatTemplateException"/>.</summary>
internal sealed class TemplateSyntaxException(string message, int position) : Exception(message)
{
    public int Position { get; } = position;
}
