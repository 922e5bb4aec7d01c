using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary><c>prompt</c>: what a chat request would send, from messages and options in Microsoft.Extensions.AI's own JSON.</summary>
internal sealed class PromptVerb(VllmModelProfile profile) : IVerb
{
    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        var preview = Preview(line);
        answer.WriteString("text", preview.Text);
        answer.WriteNumbers("ids", [.. preview.TokenIds]);
        answer.WriteRanges("content", preview.Content);
        answer.WriteNumbers("stop_token_ids", [.. preview.StopTokenIds]);
        WriteConstraint(answer, "constraint", preview.Constraint);
        ModelFacts.WriteFormat(answer, preview.Format);
    }

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        using var document = JsonDocument.Parse(JsonInput.Read(arguments));
        var preview = Preview(document.RootElement);
        ContentMarks.Write(preview.Text, preview.Content, output);
        output.WriteLine($"{preview.TokenIds.Count} tokens: {string.Join(' ', preview.TokenIds)}");
        output.WriteLine($"stops at: {string.Join(' ', preview.StopTokenIds)}");
        output.WriteLine($"constraint: {preview.Constraint?.ToString() ?? "none"}");
        output.WriteLine(preview.Format);
    }

    private VllmPromptPreview Preview(JsonElement line)
    {
        var messages =
            (line.Member("messages") ?? throw new ArgumentException("the line has no \"messages\"")).Deserialize(Info<IList<ChatMessage>>())!;
        var options = line.Member("options")?.Deserialize(Info<ChatOptions>());

        // ChatOptions leaves its tools out of JSON; they may stand beside it, in the OpenAI form.
        if (line.Member("tools") is { } tools)
        {
            options ??= new ChatOptions();
            options.Tools = [.. tools.EnumerateArray().Select(Declaration)];
        }

        return VllmPromptPreview.Create(profile, messages, options);
    }

    private static JsonTypeInfo<T> Info<T>() => (JsonTypeInfo<T>)AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(T));

    private static AIFunctionDeclaration Declaration(JsonElement tool)
    {
        var function = tool.Member("function") ?? tool;
        return AIFunctionFactory.CreateDeclaration(
            function.Text("name") ?? throw new ArgumentException("a tool has no \"name\""),
            function.Text("description"),
            function.Member("parameters") ?? JsonElement.Parse("{}"));
    }

    private static void WriteConstraint(Utf8JsonWriter answer, string name, OutputConstraint? constraint)
    {
        if (constraint is null)
        {
            answer.WriteNull(name);
            return;
        }

        answer.WriteStartObject(name);
        answer.WriteString("kind", constraint.Kind.ToString());
        if (constraint.Choices.Count == 0)
        {
            answer.WriteString("value", constraint.Value);
        }
        else
        {
            answer.WriteStartArray("choices");
            foreach (var choice in constraint.Choices)
            {
                answer.WriteStringValue(choice);
            }

            answer.WriteEndArray();
        }

        if (constraint.Alternative is { } alternative)
        {
            WriteConstraint(answer, "alternative", alternative);
        }

        answer.WriteEndObject();
    }
}
