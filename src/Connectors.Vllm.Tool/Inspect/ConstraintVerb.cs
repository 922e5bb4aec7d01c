using System.Text.Json;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary><c>constraint</c>: what makes a model write calls or JSON, in the language of either grammar compiler.</summary>
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
        output.WriteLine($"{kind} for {backend}:");
        output.WriteLine(value);
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
                ? AnswerConstraint.JsonSchema(schema.ValueKind == JsonValueKind.String ? schema.GetString()! : schema.GetRawText())
                : null,
            InsideThought = line.Flag("thinking", otherwise: false),
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
