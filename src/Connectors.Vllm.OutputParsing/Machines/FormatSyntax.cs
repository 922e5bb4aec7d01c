using System.Security.Cryptography;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>One row of the format table.</summary>
internal abstract record FormatSyntax
{
    /// <summary>The format's name, one of the names vLLM uses for it.</summary>
    public required string Id { get; init; }

    /// <summary>Other names the format is known by.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>All names of the format.</summary>
    public IEnumerable<string> Names => Aliases.Prepend(Id);

    /// <summary>Markers without content.</summary>
    public IReadOnlyList<string> Drops { get; init; } = [];
}

/// <summary>How a family of models writes tool calls.</summary>
internal sealed record ToolSyntax : FormatSyntax
{
    /// <summary>No calls at all: everything is text.</summary>
    public static readonly ToolSyntax None = new() { Id = "none" };

    /// <summary>Markers that begin a block of calls.</summary>
    public IReadOnlyList<string> Openers { get; init; } = [];

    /// <summary>Characters that begin a block of calls, but only as the first of the answer, and only for declared tools.</summary>
    public IReadOnlyList<string> StartOpeners { get; init; } = [];

    /// <summary>The one of <see cref="Openers"/> that the prompt may end with; then the output begins inside the block.</summary>
    public string? PromptOpener { get; init; }

    /// <summary>Markers after a block that models also leave elsewhere; without content, but part of reasoning that calls do not end.</summary>
    public IReadOnlyList<string> StrayClosers { get; init; } = [];

    /// <summary>Beginnings of citation tags: with the numbers and the <c>&gt;</c> after them they are markers without content.</summary>
    public IReadOnlyList<string> Citations { get; init; } = [];

    /// <summary>Newlines between text and a block that belong to the block.</summary>
    public int NewlinesBefore { get; init; }

    /// <summary>Makes the reader of a block.</summary>
    public Func<ReaderContext, CallReader>? Reader { get; init; }

    /// <summary>The shape of call ids.</summary>
    public CallIdStyle CallIds { get; init; } = CallIdStyle.Default;

    /// <summary>
    /// Makes a machine of the format's own, for formats that are more than markers in text; then the reasoning is the machine's as well.
    /// </summary>
    public Func<MachineContext, OutputMachine>? Machine { get; init; }
}

/// <summary>How a family of models writes its reasoning.</summary>
internal sealed record ReasoningSyntax : FormatSyntax
{
    /// <summary>No reasoning: everything is the answer.</summary>
    public static readonly ReasoningSyntax None = new() { Id = "none" };

    /// <summary>Markers that begin reasoning.</summary>
    public IReadOnlyList<string> Opens { get; init; } = [];

    /// <summary>Markers that end reasoning.</summary>
    public IReadOnlyList<string> Closes { get; init; } = [];

    /// <summary>
    /// True when the opening marker is ordinary text that may occur in prose: unless it arrives as a token, it counts only where a text begins.
    /// </summary>
    public bool OpensOnlyAtStart { get; init; } = true;

    /// <summary>Newlines after the opening marker that belong to it.</summary>
    public int NewlinesAfterOpen { get; init; } = 1;

    /// <summary>Newlines before the closing marker that belong to it.</summary>
    public int NewlinesBeforeClose { get; init; } = 1;

    /// <summary>Newlines after the closing marker that belong to it.</summary>
    public int NewlinesAfterClose { get; init; } = 2;

    /// <summary>What models of the family write between reasoning and the answer; part of constraints that hold the reasoning.</summary>
    public string TextAfterClose { get; init; } = "";

    /// <summary>True when a complete call of a declared tool inside reasoning ends the reasoning; false when it stays part of it.</summary>
    public bool EndedByCall { get; init; } = true;
}

/// <summary>The form of call ids that a format's template expects.</summary>
internal sealed class CallIdStyle
{
    /// <summary>The model's own id where its format has one, else <c>call_</c> and 24 hex digits.</summary>
    public static readonly CallIdStyle Default = new((_, _, _, own) =>
        own is { Length: > 0 and <= 128 } ? own : "call_" + Convert.ToHexStringLower(Random(12)));

    /// <summary>Nine letters and digits, the model's own where it wrote some: Mistral's templates refuse anything else.</summary>
    public static readonly CallIdStyle Mistral = new((_, _, _, own) => own is { Length: 9 } && own.All(char.IsAsciiLetterOrDigit)
        ? own
        : RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 9));

    /// <summary>The model's own id, else <c>functions.NAME:K</c> with K counted over the conversation.</summary>
    public static readonly CallIdStyle Kimi = new((global, _, name, own) => own ?? $"functions.{name}:{global}");

    /// <summary><c>NAME:ORDINAL</c>.</summary>
    public static readonly CallIdStyle KimiK3 = new((_, index, name, _) => $"{name}:{index}");

    private readonly Func<int, int, string, string?, string> _make;

    // Random bytes are generated in batches, because an output may contain thousands of calls.
    [ThreadStatic]
    private static byte[]? _bytes;

    [ThreadStatic]
    private static int _unused;

    private CallIdStyle(Func<int, int, string, string?, string> make) => _make = make;

    public string Make(int globalIndex, int index, string name, string? modelId) => _make(globalIndex, index, name, modelId);

    private static ReadOnlySpan<byte> Random(int count)
    {
        _bytes ??= new byte[64 * count];
        if (_unused < count)
        {
            RandomNumberGenerator.Fill(_bytes);
            _unused = _bytes.Length;
        }

        _unused -= count;
        return _bytes.AsSpan(_unused, count);
    }
}
