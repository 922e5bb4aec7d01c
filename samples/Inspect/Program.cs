using System.CommandLine;
using Connectors.Vllm;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Samples.Inspect;
using Connectors.Vllm.Samples.Inspect.Verbs;
using Connectors.Vllm.Tokenizers;

Option<bool> jsonLines = new("--jsonl") { Description = "Be a filter: one JSON object a line in, one out.", Recursive = true };
Option<string?> modelDirectory = new("--model-dir") { Description = "A model's folder: tokenizer, chat template, configuration." };
Option<string?> tokenizerFile = new("--tokenizer") { Description = "A tokenizer file: tokenizer.json, tekken.json or tiktoken." };
Option<string> toolParser = new("--tool-parser") { Description = "vLLM's name of a tool parser, auto or none.", DefaultValueFactory = _ => "auto" };
Option<string> reasoningParser = new("--reasoning-parser")
{ Description = "vLLM's name of a reasoning parser, auto or none.", DefaultValueFactory = _ => "auto" };
Option<string?> endpoint = new("--endpoint") { Description = "A vLLM gRPC server, e.g. http://gpu-box:50051." };
Option<string?> templateFile = new("--template") { Description = "A chat template file." };

RootCommand root = new("Shows what a model sees, and what is made of its answer.") { jsonLines };
Add("encode", "Text to token ids.", parsed => new EncodeVerb(LoadTokenizer(parsed)), modelDirectory, tokenizerFile);
Add("decode", "Token ids to text.", parsed => new DecodeVerb(LoadTokenizer(parsed)), modelDirectory, tokenizerFile);
Add(
    "render",
    "A chat request, as JSON, through a chat template.",
    parsed => new RenderVerb(
        parsed.GetValue(modelDirectory) is { } directory ? ChatTemplateSource.FromDirectory(directory) : null,
        parsed.GetValue(templateFile) is { } file ? File.ReadAllText(file) : null),
    modelDirectory,
    templateFile);
Add(
    "parse",
    "A model's raw output to reasoning, text and tool calls.",
    parsed => new ParseVerb(
        parsed.GetValue(toolParser)!,
        parsed.GetValue(reasoningParser)!,
        parsed.GetValue(modelDirectory) is { } directory ? ModelFolder.Load(directory) : null),
    modelDirectory,
    toolParser,
    reasoningParser);
Add(
    "constraint",
    "The constraint that makes a model write calls or JSON.",
    parsed => new ConstraintVerb(
        parsed.GetValue(toolParser)!,
        parsed.GetValue(reasoningParser)!,
        parsed.GetValue(modelDirectory) is { } directory ? ModelFolder.Load(directory) : null),
    modelDirectory,
    toolParser,
    reasoningParser);
Add("prompt", "What a chat request would send.", parsed => new PromptVerb(LoadProfile(parsed)), modelDirectory);
Add(
    "model",
    "What is known of a server's model, or a folder's, and where it came from.",
    parsed => parsed.GetValue(endpoint) is { } server
        ? ModelVerb.ConnectAsync(server, parsed.GetValue(modelDirectory)).GetAwaiter().GetResult()
        : ModelVerb.Of(LoadProfile(parsed)),
    endpoint,
    modelDirectory);

// Without response files: they would take @FILE and eat its quotes.
var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Errors.Count > 0)
{
    Console.Error.WriteLine($"inspect: {parsed.Errors[0].Message}");
    return 2;
}

try
{
    return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception exception)
{
    Console.Error.WriteLine($"inspect: {exception.Message}");
    return 1;
}

void Add(string name, string description, Func<ParseResult, IVerb> load, params Option[] options)
{
    Argument<string[]> words = new("input")
    { Description = "The input; @FILE reads a file, nothing reads standard input.", Arity = ArgumentArity.ZeroOrMore };
    Command command = new(name, description) { words };
    foreach (var option in options)
    {
        command.Options.Add(option);
    }

    command.SetAction(parsed =>
    {
        var verb = load(parsed);
        if (parsed.GetValue(jsonLines))
        {
            JsonLines.Run(verb, Console.OpenStandardInput(), Console.OpenStandardOutput());
        }
        else
        {
            verb.Show(parsed.GetValue(words) ?? [], Console.Out);
        }
    });
    root.Subcommands.Add(command);
}

VllmTokenizer LoadTokenizer(ParseResult parsed) =>
    parsed.GetValue(tokenizerFile) is { } file ? VllmTokenizer.FromFile(file)
    : parsed.GetValue(modelDirectory) is { } directory ? VllmTokenizer.FromDirectory(directory)
    : throw new ArgumentException("give --model-dir or --tokenizer");

VllmModelProfile LoadProfile(ParseResult parsed) => VllmModelProfile
    .FromDirectoryAsync(parsed.GetValue(modelDirectory) ?? throw new ArgumentException("give --model-dir"))
    .GetAwaiter().GetResult();
