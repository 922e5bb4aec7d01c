using System.CommandLine;
using System.Text.Json;
using Connectors.Vllm.Tool.Batch;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Commands;

/// <summary>The options that shape answers; the same for chat, complete and batch.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<string?> _model = new("--model")
    { Description = "The served name of the model or of a LoRA adapter. Default: the model of the server." };
    private readonly Option<string?> _system = new("--system") { Description = "A system message; @FILE reads it from a file." };
    private readonly Option<int?> _maxTokens = new("--max-tokens") { Description = "The maximum number of tokens of an answer." };
    private readonly Option<float?> _temperature = new("--temperature")
        { Description = "The sampling temperature; 0 selects the most likely token." };
    private readonly Option<float?> _topP = new("--top-p") { Description = "The probability mass for nucleus sampling." };
    private readonly Option<long?> _seed = new("--seed") { Description = "The sampling seed." };
    private readonly Option<int?> _choices = new("--n") { Description = "Answers per request." };
    private readonly Option<int?> _logprobs = new("--logprobs")
        { Description = "Return log probabilities of each token, and of this number of alternatives, in the JSON output." };
    private readonly Option<FileInfo?> _schema = new("--schema") { Description = "A file with a JSON schema that answers must satisfy." };
    private readonly Option<FileInfo?> _tools = new("--tools")
    { Description = "A file with tools in the OpenAI format; calls are printed, not invoked." };

    /// <param name="command">The verb.</param>
    /// <param name="isChat">Whether there is a chat template, which has a place for a system message and tools.</param>
    public void AddTo(Command command, bool isChat = true)
    {
        foreach (var option in new Option[] { _model, _maxTokens, _temperature, _topP, _seed, _choices, _logprobs, _schema })
        {
            command.Options.Add(option);
        }

        if (isChat)
        {
            command.Options.Add(_system);
            command.Options.Add(_tools);
        }
    }

    /// <summary>A model that is named on the command line is the one to answer.</summary>
    public void Require(ParseResult parsed, VllmGrpcOptions options) => options.RequireServedModel = parsed.GetValue(_model) is not null;

    public string? System(ParseResult parsed) => parsed.GetValue(_system) is { } text ? ReadText(text, "--system") : null;

    /// <exception cref="ToolException">A file is not there, or is not what it should be.</exception>
    public ChatOptions Read(ParseResult parsed)
    {
        var options = new ChatOptions
        {
            ModelId = parsed.GetValue(_model),
            MaxOutputTokens = parsed.GetValue(_maxTokens) is { } most ? ToolException.AtLeast(1, most, "--max-tokens") : null,
            Temperature = parsed.GetValue(_temperature),
            TopP = parsed.GetValue(_topP),
            Seed = parsed.GetValue(_seed),
        };
        if (parsed.GetValue(_choices) is { } choices)
        {
            (options.AdditionalProperties ??= [])["n"] = ToolException.AtLeast(1, choices, "--n");
        }

        if (parsed.GetValue(_logprobs) is { } logprobs)
        {
            (options.AdditionalProperties ??= [])["logprobs"] = ToolException.AtLeast(0, logprobs, "--logprobs");
        }

        if (parsed.GetValue(_schema) is { } schema)
        {
            options.ResponseFormat = ChatResponseFormat.ForJsonSchema(ReadJson(schema, "--schema"), Path.GetFileNameWithoutExtension(schema.Name));
        }

        if (parsed.GetValue(_tools) is { } tools)
        {
            try
            {
                options.Tools = OpenAIRequest.ReadTools(ReadJson(tools, "--tools"));
            }
            catch (Exception exception) when (exception is InvalidOperationException or KeyNotFoundException or FormatException)
            {
                throw new ToolException(
                    $"--tools {tools.Name}: a list of {{\"type\":\"function\",\"function\":{{\"name\":…}}}} was expected; {exception.Message}");
            }
        }

        return options;
    }

    /// <summary>A text, or the file that <c>@FILE</c> names.</summary>
    /// <exception cref="ToolException">The file cannot be read.</exception>
    public static string ReadText(string text, string option)
    {
        if (!text.StartsWith('@'))
        {
            return text;
        }

        try
        {
            return File.ReadAllText(text[1..]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"{option}: {exception.Message}");
        }
    }

    private static JsonElement ReadJson(FileInfo file, string option)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file.FullName));
            return document.RootElement.Clone();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ToolException($"{option} {file.Name}: {exception.Message}");
        }
    }
}
