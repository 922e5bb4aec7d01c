using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Tool.Inspect;

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
        ChatTemplateInput input = new()
        {
            Messages = line.Member("messages") ?? throw new ArgumentException("the line has no \"messages\""),
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
            return source?.Select(hasTools) ?? throw new ArgumentException("no template: give --template, --model-dir or \"template\" in the line");
        }

        if (!_parsed.TryGetValue(text, out var template))
        {
            _parsed.Add(text, template = ChatTemplate.Parse(text));
        }

        return template;
    }
}

/// <summary>A clock that stands still at a local time, so that templates with dates render the same every day.</summary>
internal sealed class FixedClock(DateTime local) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => new(DateTime.SpecifyKind(local, DateTimeKind.Unspecified), TimeSpan.Zero);
}
