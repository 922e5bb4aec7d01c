using System.Collections.Frozen;
using Connectors.Vllm.OutputParsing.Formats;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Selection;

namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// The format in which a model writes reasoning and tool calls: a reasoning parser and a tool parser, with the token ids of their markers. Chosen
/// once per model by <see cref="Select"/> or <see cref="FromNames"/>. Immutable and thread-safe.
/// </summary>
public sealed class OutputFormat
{
    private readonly Func<string, int?>? _findToken;
    private CompiledMarkers? _compiled;

    internal OutputFormat(FormatChoice choice, Func<string, int?>? findToken)
    {
        _findToken = findToken;
        (Tools, Reasoning) = (choice.Tools, choice.Reasoning);
        (ToolParserReason, ReasoningParserReason, Warning) = (choice.ToolReason, choice.ReasoningReason, choice.Warning);
        MarkerTokens = Markers(Tools, Reasoning)
            .Select(marker => (marker.Text, Id: findToken?.Invoke(marker.Text)))
            .Where(pair => pair.Id is >= 0)
            .DistinctBy(pair => pair.Id)
            .ToFrozenDictionary(pair => pair.Id!.Value, pair => pair.Text);
    }

    /// <summary>The names of all tool parsers, including vLLM's aliases.</summary>
    public static IReadOnlyList<string> ToolParsers { get; } = FormatTable.ToolNames;

    /// <summary>The names of all reasoning parsers, including vLLM's aliases.</summary>
    public static IReadOnlyList<string> ReasoningParsers { get; } = FormatTable.ReasoningNames;

    /// <summary>The vLLM name of the tool parser; <c>none</c> if calls are not parsed.</summary>
    public string ToolParser => Tools.Id;

    /// <summary>The vLLM name of the reasoning parser; <c>none</c> if reasoning is not parsed.</summary>
    public string ReasoningParser => Reasoning.Id;

    /// <summary>Why this tool parser was chosen, for logs.</summary>
    public string ToolParserReason { get; }

    /// <summary>Why this reasoning parser was chosen, for logs.</summary>
    public string ReasoningParserReason { get; }

    /// <summary>A warning to log once when tools are used with this format; <see langword="null"/> if there is none.</summary>
    public string? Warning { get; }

    internal ToolSyntax Tools { get; }

    internal ReasoningSyntax Reasoning { get; }

    internal IReadOnlyDictionary<int, string> MarkerTokens { get; }

    /// <summary>Gets a format by the names of its parsers.</summary>
    /// <param name="toolParser">A name from <see cref="ToolParsers"/>.</param>
    /// <param name="reasoningParser">A name from <see cref="ReasoningParsers"/>.</param>
    /// <param name="findToken">Finds the id of a text that is exactly one token of the vocabulary; <see langword="null"/> if the vocabulary
    /// is unknown.</param>
    /// <returns>The format.</returns>
    /// <exception cref="OutputFormatException">A name is unknown.</exception>
    public static OutputFormat FromNames(string toolParser, string reasoningParser, Func<string, int?>? findToken = null) =>
        Select(new OutputFormatHints { ToolParser = toolParser, ReasoningParser = reasoningParser, FindToken = findToken });

    /// <summary>
    /// Selects the format of a model by its files rather than by its name: the user's choice, then the server's own parsers, then model_type and
    /// architectures, then markers in the template and the vocabulary, then a response template, then the model's name. If nothing matches, all
    /// output is text, with a warning.
    /// </summary>
    /// <param name="hints">What is known about the model.</param>
    /// <returns>The format, with the reason for each choice.</returns>
    /// <exception cref="OutputFormatException">A parser name is unknown, or the response template was requested (<c>hf</c>) and cannot be
    /// used.</exception>
    public static OutputFormat Select(OutputFormatHints hints)
    {
        ArgumentNullException.ThrowIfNull(hints);
        return new OutputFormat(FormatSelector.Select(hints), hints.FindToken);
    }

    /// <summary>
    /// Determines whether the output after a prompt begins inside reasoning; <see langword="null"/> if the end of the prompt contains no marker of
    /// this format.
    /// </summary>
    /// <param name="promptTail">The end of the rendered prompt, or the whole prompt.</param>
    public bool? BeginsInReasoning(string promptTail) => PromptScan.IsOpen(promptTail, Reasoning, out _);

    /// <inheritdoc/>
    public override string ToString() => $"tools: {ToolParser} ({ToolParserReason}); reasoning: {ReasoningParser} ({ReasoningParserReason})";

    /// <summary>Whether a text is one token of the vocabulary; false where the vocabulary is unknown.</summary>
    internal bool HasToken(string text) => _findToken?.Invoke(text) is >= 0;

    internal OutputMachine CreateMachine(OutputParserOptions options, EventWriter writer)
    {
        var context = new MachineContext(MarkerTokens, options, writer);
        if (Tools.Machine is { } own)
        {
            return own(context);
        }

        var reasoning = Reasoning;
        var tools = options.CallShape switch
        {
            CallShape.JsonArray => GenericShapes.JsonArray,
            CallShape.NamedArguments => GenericShapes.NamedArguments,
            CallShape.None => ToolSyntax.None with { Drops = Tools.Drops, StrayClosers = Tools.StrayClosers, Citations = Tools.Citations },
            _ => Tools,
        };

        var compiled = _compiled;
        if (compiled is null || compiled.Tools != tools || compiled.Reasoning != reasoning || compiled.Specials != options.SpecialTokens)
        {
            // What opens a call at the start of an answer, or begins a citation, is ordinary text ("{"), which tokens may also hold together with
            // what follows it.
            const MarkerKind Ordinary = MarkerKind.CallOpenAtStart | MarkerKind.Citation;
            var markers = Markers(tools, reasoning)
                .Select(marker => marker with { IsToken = (marker.Kind & Ordinary) == 0 && HasToken(marker.Text) });
            var specials = options.SpecialTokens?.Values
                .Where(text => text.Length > 0).Select(text => new Marker(text, MarkerKind.Special, IsToken: true)) ?? [];
            _compiled = compiled = new CompiledMarkers(tools, reasoning, options.SpecialTokens, new MarkerTrie(markers.Concat(specials)));
        }

        return new MarkupMachine(context, tools, reasoning, compiled.Trie, options.CallShape == CallShape.NamedArguments);
    }

    private static IEnumerable<Marker> Markers(ToolSyntax tools, ReasoningSyntax reasoning)
    {
        IEnumerable<Marker> Of(IEnumerable<string> texts, MarkerKind kind) => texts.Select(text => new Marker(text, kind, IsToken: false));
        return Of(reasoning.Opens, MarkerKind.ReasoningOpen)
            .Concat(Of(reasoning.Closes, MarkerKind.ReasoningClose))
            .Concat(Of(tools.Openers, MarkerKind.CallOpen))
            .Concat(Of(tools.StartOpeners, MarkerKind.CallOpenAtStart))
            .Concat(Of(tools.Drops.Concat(reasoning.Drops), MarkerKind.Drop))
            .Concat(Of(tools.StrayClosers, MarkerKind.StrayCloser))
            .Concat(Of(tools.Citations, MarkerKind.Citation));
    }

    private sealed record CompiledMarkers(ToolSyntax Tools, ReasoningSyntax Reasoning, IReadOnlyDictionary<int, string>? Specials, MarkerTrie Trie);
}
