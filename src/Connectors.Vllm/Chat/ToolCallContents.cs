using System.Text.Json;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>Makes the content of a complete tool call.</summary>
internal static class ToolCallContents
{
    public static FunctionCallContent From(in OutputEvent end, string arguments)
    {
        var call = new FunctionCallContent(end.CallId!, end.Name!);
        if (end.Error is { } problem)
        {
            call.Exception = new FormatException($"The model's arguments for '{end.Name}' cannot be used: {problem}");
        }
        else
        {
            call.Arguments = Parse(arguments);
        }

        // The model's own spelling: sent back unchanged, it keeps the next prompt's prefix equal to what the server has cached.
        call.AdditionalProperties = new AdditionalPropertiesDictionary { [VllmResponseKeys.RawArguments] = arguments };
        return call;
    }

    /// <summary>Arguments as the function-invoking middleware expects them: one <see cref="JsonElement"/> per parameter.</summary>
    public static Dictionary<string, object?> Parse(string json)
    {
        var arguments = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (json.Length == 0)
        {
            return arguments;
        }

        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 512 });
        var root = document.RootElement.Clone();
        foreach (var property in root.EnumerateObject())
        {
            arguments[property.Name] = property.Value.ValueKind == JsonValueKind.Null ? null : property.Value;
        }

        return arguments;
    }
}
