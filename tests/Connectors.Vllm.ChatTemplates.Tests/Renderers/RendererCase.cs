using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>One line of a renderer corpus: a chat request and the prompt (or the refusal) of the reference.</summary>
public sealed record RendererCase(JsonElement Line)
{
    public string Name => Line.GetProperty("case").GetString()!;

    public bool IsOk => Line.GetProperty("ok").GetBoolean();

    public string? Text => String("text");

    public string? Error => String("error");

    public JsonElement? this[string name] => Line.TryGetProperty(name, out var value) ? value : null;

    public static IEnumerable<RendererCase> Load(string relativePath)
    {
        foreach (var line in File.ReadAllText(TestPaths.RequireCorpus(relativePath), Encoding.UTF8).Split('\n'))
        {
            if (line.Length > 0)
            {
                using var document = JsonDocument.Parse(line);
                yield return new RendererCase(document.RootElement.Clone());
            }
        }
    }

    /// <summary>The request as a connector passes it on: the effort also sets enable_thinking, unless the request does.</summary>
    public ChatTemplateInput ToInput(JsonElement? options = null, params string[] moreKwargs)
    {
        var kwargs = new Dictionary<string, object?>();
        foreach (var member in options is { ValueKind: JsonValueKind.Object } given ? given.EnumerateObject() : default)
        {
            kwargs[member.Name] = member.Value;
        }

        // Two of the corpora keep the request's further fields together; in the others they stand in the line itself.
        var request = (this["now"] ?? this["tokenizer"]) is not null && this["kwargs"] is { } all ? all : Line;
        if (request.TryGetProperty("reasoning_effort", out var effort) && effort.ValueKind != JsonValueKind.Null)
        {
            kwargs["reasoning_effort"] = effort;
            kwargs.TryAdd("enable_thinking", effort.GetString() != "none");
        }

        foreach (var name in moreKwargs)
        {
            if (this[name] is { } value)
            {
                kwargs[name] = value;
            }
        }

        return new ChatTemplateInput
        {
            Messages = Line.GetProperty("messages"),
            Tools = this["tools"],
            AddGenerationPrompt = !request.TryGetProperty("add_generation_prompt", out var opens) || opens.ValueKind != JsonValueKind.False,
            ContinueFinalMessage = request.TryGetProperty("continue_final_message", out var continues) && continues.ValueKind == JsonValueKind.True,
            Kwargs = kwargs,
        };
    }

    public bool HasRole(string role) => Line.GetProperty("messages").EnumerateArray().Any(message => message.GetProperty("role").GetString() == role);

    /// <summary>The case with its request changed.</summary>
    public RendererCase With(Action<JsonObject> change)
    {
        var line = JsonNode.Parse(Line.GetRawText())!.AsObject();
        change(line);
        return new RendererCase(JsonDocument.Parse(line.ToJsonString()).RootElement);
    }

    private string? String(string name) => this[name]?.GetString();
}
