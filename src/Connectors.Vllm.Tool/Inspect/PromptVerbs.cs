using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tool.Batch;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary><c>prompt</c>: what a chat request would send, from a request in OpenAI's form or in Microsoft.Extensions.AI's own JSON.</summary>
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
        var given = line.Member("messages") ?? throw new ArgumentException("the line has no \"messages\"");
        var options = line.Member("options")?.Deserialize(Info<ChatOptions>());
        if (given is { ValueKind: JsonValueKind.Array } && given.GetArrayLength() > 0 && !given.IsExtensionsForm())
        {
            (var read, options) = OpenAIRequest.ReadChat(line, options ?? new ChatOptions());
            options.AdditionalProperties?.Remove("options");
            return VllmPromptPreview.Create(profile, read, options);
        }

        var messages = given.Deserialize(Info<IList<ChatMessage>>())!;

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

/// <summary><c>render</c>: a chat request through a chat template.</summary>
internal sealed class RenderVerb(ChatTemplateSource? source, string? templateText) : IVerb
{
    // Bulk input repeats its templates; each is parsed once.
    private readonly Dictionary<string, ChatTemplate> _parsed = new(StringComparer.Ordinal);

    public void Answer(JsonElement line, Utf8JsonWriter answer)
    {
        var prompt = Render(line);
        answer.WriteString("text", prompt.Text);
        answer.WriteRanges("content", prompt.Content);
    }

    public void Show(IReadOnlyList<string> arguments, TextWriter output)
    {
        using var document = JsonDocument.Parse(JsonInput.Read(arguments));
        var prompt = Render(document.RootElement);
        ContentMarks.Write(prompt.Text, prompt.Content, output);
    }

    private RenderedPrompt Render(JsonElement line)
    {
        var tools = line.Member("tools");
        var messages = line.Member("messages") ?? throw new ArgumentException("the line has no \"messages\"");
        if (messages.IsExtensionsForm())
        {
            throw new ArgumentException("The messages are as Microsoft.Extensions.AI serializes them (\"contents\"), which templates do not know: "
                + "use 'inspect prompt', or messages with \"content\".");
        }

        ChatTemplateInput input = new()
        {
            Messages = messages,
            Tools = tools,
            Documents = line.Member("documents"),
            AddGenerationPrompt = line.Flag("add_generation_prompt", otherwise: false),
            ContinueFinalMessage = line.Member("continue_final_message") switch
            {
                { ValueKind: JsonValueKind.True } => true,
                { ValueKind: JsonValueKind.String } field => field.GetString(),
                _ => null,
            },
            Kwargs = line.Member("kwargs")?.ToDictionary(),
            SpecialTokens = line.Member("special_tokens")?.ToDictionary() ?? source?.SpecialTokens,
            TimeProvider = line.Text("now") is { } now ? new FixedClock(DateTime.Parse(now, CultureInfo.InvariantCulture)) : null,
        };
        return Template(line.Text("template"), hasTools: tools is not null).Render(input);
    }

    private ChatTemplate Template(string? given, bool hasTools)
    {
        if ((given ?? templateText) is not { } text)
        {
            return source?.Select(hasTools) ?? throw new ArgumentException("no template: pass --template or --model-dir, or set \"template\" in "
                + "the line");
        }

        if (!_parsed.TryGetValue(text, out var template))
        {
            _parsed.Add(text, template = ChatTemplate.Parse(text));
        }

        return template;
    }
}

/// <summary>A clock that is fixed at a local time, so that templates with dates are rendered the same every day.</summary>
internal sealed class FixedClock(DateTime local) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => new(DateTime.SpecifyKind(local, DateTimeKind.Unspecified), TimeSpan.Zero);
}

/// <summary>Writes a prompt with the ranges that came from message content marked: coloured on a terminal, bracketed elsewhere.</summary>
internal static class ContentMarks
{
    public static void Write(string text, IReadOnlyList<Range> content, TextWriter output)
    {
        var (open, close) = Console.IsOutputRedirected ? ("⟦", "⟧") : ("\u001b[32m", "\u001b[0m");
        var written = 0;
        foreach (var range in content)
        {
            output.Write(text[written..range.Start.Value]);
            output.Write(open);
            output.Write(text[range]);
            output.Write(close);
            written = range.End.Value;
        }

        output.WriteLine(text[written..]);
    }
}
