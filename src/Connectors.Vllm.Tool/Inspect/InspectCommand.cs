using System.CommandLine;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary>
/// <c>inspect</c>: what a model sees, and what is made of its answer. Each verb calls one public room of these packages: for people with readable
/// output, for programs as a filter of JSON lines.
/// </summary>
internal sealed class InspectCommand
{
    private readonly Option<bool> _jsonLines = new("--jsonl")
        { Description = "Act as a filter: read and write one JSON object per line.", Recursive = true };
    private readonly Option<bool> _json = new("--json") { Description = "Write the result as a JSON object.", Recursive = true };
    private readonly Option<string?> _modelDirectory = new("--model-dir")
    { Description = "The folder of a model, with tokenizer, chat template and configuration." };
    private readonly Option<string?> _tokenizerFile = new("--tokenizer")
    { Description = "A tokenizer file: tokenizer.json, tekken.json or tiktoken." };
    private readonly Option<string> _toolParser =
        new("--tool-parser") { Description = "The vLLM name of a tool parser, auto or none.", DefaultValueFactory = _ => "auto" };
    private readonly Option<string> _reasoningParser =
        new("--reasoning-parser") { Description = "The vLLM name of a reasoning parser, auto or none.", DefaultValueFactory = _ => "auto" };
    private readonly ConnectionArguments _connection = new(demonstration: false);
    private readonly Option<string?> _templateFile = new("--template") { Description = "A chat template file." };

    private InspectCommand()
    {
    }

    public static Command Create()
    {
        var command = new Command("inspect", """
            Shows what a model sees, and what is made of its answer.

            Examples:
              vllm-grpc inspect model --endpoint http://gpu-box:50051
              vllm-grpc inspect encode --model-dir DIR "Hello world"
              vllm-grpc inspect prompt --model-dir DIR '{"messages":[{"role":"user","content":"Hi"}]}'
              vllm-grpc inspect parse --tool-parser hermes --reasoning-parser qwen3 @answer.txt
            """);
        new InspectCommand().AddTo(command);
        return command;
    }

    /// <summary>The verbs as a program of their own.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = new RootCommand("Shows what a model sees, and how its answer is parsed.");
        new InspectCommand().AddTo(root);

        // Without response files: they would take @FILE and eat its quotes.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync($"inspect: {parsed.Errors[0].Message}").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await Console.Error.WriteLineAsync($"inspect: {exception.Message}").ConfigureAwait(false);
            return ExitCode.Failure;
        }
    }

    private void AddTo(Command command)
    {
        command.Options.Add(_jsonLines);
        command.Options.Add(_json);
        command.Subcommands.Add(Verb("encode", "Encodes text to token ids.\n\nExample:\n  vllm-grpc inspect encode --model-dir DIR \"Hello world\"",
            parsed => new EncodeVerb(Tokenizer(parsed)), _modelDirectory, _tokenizerFile));
        command.Subcommands.Add(Verb("decode", "Decodes token ids to text, each as a stream gives it.\n\nExample:\n  vllm-grpc inspect decode "
                + "--model-dir DIR 9707 1879",
            parsed => new DecodeVerb(Tokenizer(parsed)), _modelDirectory, _tokenizerFile));
        command.Subcommands.Add(Verb(
            "render",
            """
            Renders a chat request with a chat template, and nothing else: the request is JSON as templates see it, with messages, tools,
            add_generation_prompt and kwargs (the template's variables). 'inspect prompt' shows what the client would send.

            Example:
              vllm-grpc inspect render --model-dir DIR '{"messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":true}'
            """,
            parsed => new RenderVerb(
                parsed.GetValue(_modelDirectory) is { } directory ? ChatTemplateSource.FromDirectory(directory) : null,
                parsed.GetValue(_templateFile) is { } file ? File.ReadAllText(file) : null),
            _modelDirectory,
            _templateFile));
        command.Subcommands.Add(FormatVerb(
            "parse",
            """
            Parses a model's raw output into reasoning, text and tool calls.

            Example:
              vllm-grpc inspect parse --tool-parser hermes --reasoning-parser qwen3 @answer.txt
            """,
            static (tools, reasoning, model) => new ParseVerb(tools, reasoning, model)));
        command.Subcommands.Add(FormatVerb(
            "constraint",
            """
            Shows the constraint that makes a model write calls or JSON, for a JSON object with tools (OpenAI's form), tool_choice (auto, none,
            required or a name), parallel_tool_calls, strict, json_schema, thinking, and spelling (tags for xgrammar, lark for guidance).

            Example:
              vllm-grpc inspect constraint --tool-parser hermes --reasoning-parser none '{"tools":[{"name":"get_time"}],"tool_choice":"required"}'
            """,
            static (tools, reasoning, model) => new ConstraintVerb(tools, reasoning, model)));
        command.Subcommands.Add(Verb(
            "prompt",
            """
            Shows what the client would send for a chat request: text, token ids, stop tokens, constraint. The request is JSON in OpenAI's form
            (messages with content, tools, options by vLLM's names), or messages and options as Microsoft.Extensions.AI serializes them.

            Examples:
              vllm-grpc inspect prompt --model-dir DIR '{"messages":[{"role":"user","content":"Hi"}]}'
              vllm-grpc inspect prompt --model-dir DIR @conversation.json
            """,
            async (parsed, cancellationToken) => new PromptVerb(await ProfileAsync(parsed, cancellationToken).ConfigureAwait(false)),
            _modelDirectory));
        command.Subcommands.Add(Verb(
            "model", "Shows what is known about the model of a server or a folder, and where it came from.", ModelAsync, _connection.All));
    }

    /// <summary>A verb for the formats of calls and reasoning that are named, or that a model's folder tells.</summary>
    private Command FormatVerb(string name, string description, Func<string, string, VllmModelProfile?, IVerb> create) => Verb(
        name,
        description,
        async (parsed, cancellationToken) => create(
            parsed.GetValue(_toolParser)!,
            parsed.GetValue(_reasoningParser)!,
            await FolderAsync(parsed, cancellationToken).ConfigureAwait(false)),
        _modelDirectory,
        _toolParser,
        _reasoningParser);

    private Command Verb(string name, string description, Func<ParseResult, IVerb> load, params Option[] options) =>
        Verb(name, description, (parsed, _) => Task.FromResult(load(parsed)), options);

    private Command Verb(string name, string description, Func<ParseResult, CancellationToken, Task<IVerb>> load, params Option[] options)
    {
        var words = new Argument<string[]>("input")
        { Description = "The input; @FILE reads a file, and without it standard input is read.", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command(name, description);
        if (name != "model")
        {
            command.Arguments.Add(words);
        }

        foreach (var option in options)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var verb = await load(parsed, cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(_jsonLines))
            {
                JsonLines.Run(verb, Console.OpenStandardInput(), StandardOutput.Open());
            }
            else if (parsed.GetValue(_json))
            {
                return JsonLines.Ask(verb, Words(parsed), StandardOutput.Open()) ? ExitCode.Success : ExitCode.Failure;
            }
            else
            {
                verb.Show(Words(parsed), Console.Out);
            }

            return ExitCode.Success;
        });
        return command;

        string[] Words(ParseResult parsed) => command.Arguments.Count == 0 ? [] : parsed.GetValue(words) ?? [];
    }

    private VllmTokenizer Tokenizer(ParseResult parsed) => parsed.GetValue(_tokenizerFile) is { } file ? VllmTokenizer.FromFile(file)
        : parsed.GetValue(_modelDirectory) is { } directory ? VllmTokenizer.FromDirectory(directory)
        : throw new ArgumentException("No tokenizer: pass --model-dir FOLDER or --tokenizer FILE.");

    private async Task<VllmModelProfile?> FolderAsync(ParseResult parsed, CancellationToken cancellationToken) =>
        parsed.GetValue(_modelDirectory) is null ? null : await ProfileAsync(parsed, cancellationToken).ConfigureAwait(false);

    private Task<VllmModelProfile> ProfileAsync(ParseResult parsed, CancellationToken cancellationToken) => VllmModelProfile.FromDirectoryAsync(
        parsed.GetValue(_modelDirectory) ?? throw new ArgumentException("No model: pass --model-dir FOLDER."), cancellationToken: cancellationToken);

    private async Task<IVerb> ModelAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (_connection.FolderAlone(parsed) is { } folder)
        {
            return ModelVerb.Of(await VllmModelProfile.FromDirectoryAsync(folder, cancellationToken: cancellationToken).ConfigureAwait(false));
        }

        // The folder is where the tokenizer is, for servers that do not send theirs.
        await using var open = await _connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
        return await ModelVerb.AskAsync(open.Client, cancellationToken).ConfigureAwait(false);
    }
}
