using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
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
            TemplateArguments = line.Member("kwargs"),
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

    // A forced call is read in the shape that its constraint makes.
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
