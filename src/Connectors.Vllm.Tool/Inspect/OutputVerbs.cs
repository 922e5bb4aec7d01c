using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Constraints;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary><c>parse</c>: a model's raw output to reasoning, text and tool calls.</summary>
internal sealed class ParseVerb(string toolParser, string reasoningParser, VllmModelProfile? model) : IVerb
{
    private readonly Formats _formats = new(model);

    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        var parsed = Parse(line);
        WriteText(answer, "reasoning", parsed.Reasoning);
        WriteText(answer, "text", parsed.Text);
        answer.WriteStartArray("calls");
        foreach (var (name, arguments) in parsed.Calls)
        {
            answer.WriteStartObject();
            answer.WriteString("name", name);
            answer.WriteString("arguments", arguments);
            answer.WriteEndObject();
        }

        answer.WriteEndArray();
        answer.WriteStartArray("events");
        foreach (var @event in parsed.Events)
        {
            WriteEvent(answer, @event);
        }

        answer.WriteEndArray();
    }

    public string ToLine(IReadOnlyList<string> arguments) => new JsonObject { ["text"] = JsonInput.Read(arguments) }.ToJsonString();

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        var format = _formats.Find(toolParser, reasoningParser);
        output.WriteLine(format);
        OutputParserOptions options = new() { SpecialTokens = model?.SpecialTokens };
        foreach (var @event in OutputParser.Create(format, options).Parse(JsonInput.Read(arguments)))
        {
            output.WriteLine($"{@event.Kind,-18} {@event.Name} {JsonInput.Quote(@event.Text)} {@event.Error}");
        }
    }

    private ParsedOutput Parse(JsonElement line)
    {
        var format = _formats.Find(line.Text("tool_parser") ?? toolParser, line.Text("reasoning_parser") ?? reasoningParser);
        OutputTool[] tools = line.Member("tools") is { } list ? [.. list.EnumerateArray().Select(Formats.Tool)] : [];
        var choice = Formats.Choice(line.Text("tool_choice"));
        var multiple = line.Flag("parallel_tool_calls", otherwise: true);
        OutputParserOptions options = new()
        {
            PromptTail = line.Text("prompt_tail"),
            Tools = tools,
            ToolChoice = choice,
            CallShape = Shape(format, tools, choice, multiple),
            AllowMultipleToolCalls = multiple,
            SpecialTokens = model?.SpecialTokens,
        };
        var parser = OutputParser.Create(format, options);
        List<OutputEvent> events = new();
        foreach (var (text, id) in Chunks.Of(Pieces(line), line.Member("chunks")))
        {
            parser.Push(text, id, events);
        }

        parser.Finish(line.Text("finish") ?? "stop", events);
        return new ParsedOutput(events);
    }

    // With ids every piece is one token; a text is one piece of unknown tokens.
    private List<(string Text, int Id)> Pieces(JsonElement line)
    {
        if (line.Ids("ids") is not { } ids)
        {
            return [(line.Text("text") ?? throw new ArgumentException("the line has neither \"text\" nor \"ids\""), -1)];
        }

        var tokenizer = model?.Tokenizer ?? throw new ArgumentException("\"ids\" need --model-dir");
        var decoder = tokenizer.CreateStreamDecoder();
        List<(string, int)> pieces = [.. ids.Select(id => (decoder.Push(id), id))];
        pieces.Add((decoder.Flush(), -1));
        return pieces;
    }

    // A forced call is parsed in the form that its constraint produces.
    private static CallShape Shape(OutputFormat format, OutputTool[] tools, OutputToolChoice choice, bool multiple) =>
        choice.Kind is OutputToolChoiceKind.Auto or OutputToolChoiceKind.None
            ? CallShape.Native
            : OutputConstraints.Build(
                format, new OutputConstraintRequest { Tools = tools, ToolChoice = choice, AllowMultipleToolCalls = multiple }).CallShape;

    private static void WriteText(Utf8JsonWriter answer, string name, StringBuilder text)
    {
        if (text.Length == 0)
        {
            answer.WriteNull(name);
        }
        else
        {
            answer.WriteString(name, text.ToString());
        }
    }

    private static void WriteEvent(Utf8JsonWriter answer, OutputEvent @event)
    {
        answer.WriteStartObject();
        answer.WriteString("kind", @event.Kind.ToString());
        answer.WriteString("text", @event.Text);
        if (@event.CallIndex >= 0)
        {
            answer.WriteNumber("index", @event.CallIndex);
            answer.WriteString("id", @event.CallId);
            answer.WriteString("name", @event.Name);
        }

        if (@event.Error is { } error)
        {
            answer.WriteString("error", error);
        }

        answer.WriteEndObject();
    }
}

/// <summary>A parser's events, collected.</summary>
internal sealed class ParsedOutput
{
    public ParsedOutput(List<OutputEvent> events)
    {
        Events = events;
        Dictionary<int, StringBuilder> arguments = [];
        foreach (var @event in events)
        {
            switch (@event.Kind)
            {
                case OutputEventKind.Reasoning:
                    Reasoning.Append(@event.Text);
                    break;
                case OutputEventKind.Text:
                    Text.Append(@event.Text);
                    break;
                case OutputEventKind.ToolCallStart:
                    arguments.Add(@event.CallIndex, new StringBuilder());
                    break;
                case OutputEventKind.ToolCallArguments:
                    arguments[@event.CallIndex].Append(@event.Text);
                    break;
                case OutputEventKind.ToolCallEnd:
                    Calls.Add((@event.Name!, arguments[@event.CallIndex].ToString()));
                    break;
            }
        }
    }

    public StringBuilder Reasoning { get; } = new();

    public StringBuilder Text { get; } = new();

    public List<(string Name, string Arguments)> Calls { get; } = [];

    public List<OutputEvent> Events { get; }
}

/// <summary><c>constraint</c>: the constraint for calls or JSON, in the language of either grammar compiler.</summary>
internal sealed class ConstraintVerb(string toolParser, string reasoningParser, VllmModelProfile? model) : IVerb
{
    private readonly Formats _formats = new(model);

    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        var (backend, kind, value, note) = Build(line);
        answer.WriteString("backend", backend);
        answer.WriteString("kind", kind);
        answer.WriteString("value", value);
        if (note is not null)
        {
            answer.WriteString("note", note);
        }
    }

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        using var document = JsonDocument.Parse(JsonInput.Read(arguments));
        var (backend, kind, value, note) = Build(document.RootElement);
        output.WriteLine(value is null
            ? "no constraint: no call is forced, no tool is strict, and there is no json_schema"
            : $"{kind} for {backend}:\n{value}");
        if (note is not null)
        {
            output.WriteLine(note);
        }
    }

    private (string Backend, string? Kind, string? Value, string? Note) Build(JsonElement line)
    {
        var format = _formats.Find(line.Text("tool_parser") ?? toolParser, line.Text("reasoning_parser") ?? reasoningParser);
        var strict = line.Flag("strict", otherwise: false);
        var result = OutputConstraints.Build(format, new OutputConstraintRequest
        {
            Tools = line.Member("tools") is { } tools
                ? [.. tools.EnumerateArray().Select(Formats.Tool).Select(tool => tool with { Strict = tool.Strict || strict })]
                : [],
            ToolChoice = Formats.Choice(line.Text("tool_choice")),
            AllowMultipleToolCalls = line.Flag("parallel_tool_calls", otherwise: true),
            Answer = line.Member("json_schema") is { } schema
                ? OutputConstraint.JsonSchema(schema.ValueKind == JsonValueKind.String ? schema.GetString()! : schema.GetRawText())
                : null,
            InsideReasoning = line.Flag("thinking", otherwise: false),
            SpecialTokens = model?.SpecialTokens,
        });
        var spelling = line.Text("spelling") ?? "tags";
        return spelling switch
        {
            _ when result.IsFree => (spelling == "tags" ? "xgrammar" : "guidance", null, null, result.Note),
            "tags" => ("xgrammar", "structural_tag", result.ToStructuralTag(), result.Note),
            "lark" when result.IsJson => ("guidance", "json", result.ToJsonSchema(), result.Note),
            "lark" => ("guidance", "grammar", result.ToLark(), result.Note),
            _ => throw new ArgumentException($"\"spelling\" is {JsonInput.Quote(spelling)}, neither \"tags\" nor \"lark\""),
        };
    }
}

/// <summary>Output formats by the names of their parsers, each made once, and how tools are written in input lines.</summary>
internal sealed class Formats(VllmModelProfile? model)
{
    private const string Auto = "auto";

    private readonly Dictionary<(string Tools, string Reasoning), OutputFormat> _formats = [];

    public OutputFormat Find(string tools, string reasoning)
    {
        if (!_formats.TryGetValue((tools, reasoning), out var format))
        {
            if (model is null && (tools == Auto || reasoning == Auto))
            {
                throw new ArgumentException(
                    "\"auto\" needs --model-dir: name the parsers with --tool-parser and --reasoning-parser (none if there is none), or pass the "
                    + "model's folder");
            }

            format = model is null
                ? OutputFormat.Select(new OutputFormatHints { ToolParser = tools, ReasoningParser = reasoning })
                : model.FormatFor(tools == Auto ? null : tools, reasoning == Auto ? null : reasoning);
            _formats.Add((tools, reasoning), format);
        }

        return format;
    }

    /// <summary>A tool in the OpenAI form, or its function alone.</summary>
    public static OutputTool Tool(JsonElement tool)
    {
        var function = tool.Member("function") ?? tool;
        return new OutputTool(
            function.Text("name") ?? throw new ArgumentException("a tool has no \"name\""), function.Member("parameters"),
            function.Flag("strict", otherwise: false));
    }

    /// <summary>A tool choice: <c>auto</c>, <c>none</c>, <c>required</c> or a tool's name.</summary>
    public static OutputToolChoice Choice(string? choice) => choice switch
    {
        null or "auto" => OutputToolChoice.Auto,
        "none" => OutputToolChoice.None,
        "required" => OutputToolChoice.Required,
        _ => OutputToolChoice.Named(choice),
    };
}

/// <summary>Cuts pieces again: "whole", "char", a list of lengths, or random lengths from a seed. Cut pieces have no token id.</summary>
internal static class Chunks
{
    public static IEnumerable<(string Text, int Id)> Of(List<(string Text, int Id)> pieces, JsonElement? chunks)
    {
        if (chunks is not { } how)
        {
            return pieces;
        }

        var text = string.Concat(pieces.Select(piece => piece.Text));
        return how.ValueKind switch
        {
            JsonValueKind.String when how.GetString() == "whole" => [(text, -1)],
            JsonValueKind.String when how.GetString() == "char" => Cut(text, Forever(() => 1)),
            JsonValueKind.Array => Cut(text, how.EnumerateArray().Select(static length => length.Whole("chunks"))),
            JsonValueKind.Object => Cut(text, RandomLengths(how.Number("seed"), how.Number("max"))),
            _ => throw new ArgumentException("\"chunks\" is \"whole\", \"char\", a list of lengths or {\"seed\":n,\"max\":m}"),
        };
    }

    private static IEnumerable<(string Text, int Id)> Cut(string text, IEnumerable<int> lengths)
    {
        var start = 0;
        foreach (var length in lengths)
        {
            if (start >= text.Length)
            {
                yield break;
            }

            var end = (int)Math.Min(text.Length, (long)start + Math.Max(0, length));
            yield return (text[start..end], -1);
            start = end;
        }

        if (start < text.Length)
        {
            yield return (text[start..], -1);
        }
    }

    private static IEnumerable<int> RandomLengths(int seed, int max)
    {
        // Repeatable on purpose: the seed is part of the question.
#pragma warning disable CA5394
        Random random = new(seed);
        return Forever(() => random.Next(1, Math.Max(1, max) + 1));
#pragma warning restore CA5394
    }

    private static IEnumerable<int> Forever(Func<int> next)
    {
        while (true)
        {
            yield return next();
        }
    }
}
