using System.Text.Json;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Tool.Inspect;

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
                    "\"auto\" needs --model-dir: name the parsers with --tool-parser and --reasoning-parser, or give the model's folder");
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
