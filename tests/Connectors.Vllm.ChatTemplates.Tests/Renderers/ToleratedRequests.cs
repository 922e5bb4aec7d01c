using System.Text.Json.Nodes;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>
/// The requests that vLLM's HTTP schema refuses before any renderer sees them, and that are legal here, each with what makes it legal there too.
/// All other refusals of the corpus are refused here as well.
/// </summary>
internal static class ToleratedRequests
{
    /// <summary>The request in the form that the schema takes, or null when the case is none of these.</summary>
    public static RendererCase? Repair(RendererCase item)
    {
        var name = item.Name[(item.Name.LastIndexOf('/') + 1)..];
        return item.IsOk ? null : name switch
        {
            // Documents have no place in these prompts, so nobody looks at their fields.
            "wire_documents_tools_extra_keys" or "h_documents_tools_extra_keys" => item.With(line => line.Remove("documents")),

            // A field that is null is one that is not there, as .NET's serializers write it.
            "wire_null_tool_calls_and_fields" or "h_null_tool_calls_and_fields" or "user_tool_calls_null" => item.With(WithoutNulls),

            // A connector holds arguments as an object, not as JSON text.
            "args_dict" => item.With(WithArgumentText),

            // enable_thinking is what the connector makes of reasoning_effort: where it only repeats that, it is no option of its own.
            var effort when effort.StartsWith("h_effort_", StringComparison.Ordinal) && item.Name.StartsWith('v') && RepeatsEffort(item) =>
                item.With(line => line["kwargs"]!.AsObject().Remove("chat_template_kwargs")),
            _ => null,
        };
    }

    private static bool RepeatsEffort(RendererCase item) =>
        item["kwargs"] is { } all && all.TryGetProperty("reasoning_effort", out var effort)
        && (item["tokenizer"]!.Value.GetString() != "v15-tekken" || effort.GetString() is "none" or "high")
        && all.TryGetProperty("chat_template_kwargs", out var options)
        && options.EnumerateObject().All(option => option.Name == "enable_thinking" && option.Value.GetBoolean() == (effort.GetString() != "none"));

    private static void WithoutNulls(JsonObject line)
    {
        foreach (var message in line["messages"]!.AsArray())
        {
            foreach (var key in message!.AsObject().Where(member => member.Value is null).Select(member => member.Key).ToList())
            {
                message.AsObject().Remove(key);
            }
        }
    }

    private static void WithArgumentText(JsonObject line)
    {
        foreach (var call in line["messages"]!.AsArray().SelectMany(message => message!["tool_calls"]?.AsArray() ?? []))
        {
            var function = call!["function"]!;
            function["arguments"] = function["arguments"]!.ToJsonString();
        }
    }
}
