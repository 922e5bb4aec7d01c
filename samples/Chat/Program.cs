using System.CommandLine;
using System.CommandLine.Parsing;
using Connectors.Vllm.Samples.Chat;

Option<Uri?> endpoint = new("--endpoint")
{
    Description = "The address of the vLLM gRPC server, for example http://gpu-box:50051. Without it, an embedded test server is used.",
    CustomParser = result => Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var uri) && uri.Host.Length > 0
        ? uri
        : Fail<Uri>(result, "--endpoint takes an address such as http://gpu-box:50051"),
};
Option<string?> prompt = new("--prompt") { Description = "Answer this once and exit; without it, chat interactively." };
Option<string?> system = new("--system") { Description = "A system message." };
Option<DirectoryInfo?> modelDirectory = new("--model-dir")
{
    Description = "A folder with tokenizer.json and the chat template, for the client and the embedded server.",
    CustomParser = result => Directory.Exists(result.Tokens[0].Value)
        ? new DirectoryInfo(result.Tokens[0].Value)
        : Fail<DirectoryInfo>(result, $"--model-dir: there is no folder {result.Tokens[0].Value}"),
};
Option<bool> json = new("--json") { Description = "Write every update, then the response, as one JSON line each." };
Option<bool> statistics = new("--stats") { Description = "After each answer write time to first token, tokens per second and usage to stderr." };

RootCommand command = new("Chat with a model on a vLLM server over gRPC.") { endpoint, prompt, system, modelDirectory, json, statistics };
command.SetAction((parsed, cancellationToken) => ChatProgram.RunAsync(
    new ChatSettings(
        parsed.GetValue(endpoint),
        parsed.GetValue(prompt),
        parsed.GetValue(system),
        parsed.GetValue(modelDirectory),
        parsed.GetValue(json),
        parsed.GetValue(statistics)),
    cancellationToken));

// Without response files: a prompt may begin with '@'.
var parsed = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Errors.Count > 0)
{
    Console.Error.WriteLine(parsed.UnmatchedTokens is [var question, ..] && !question.StartsWith('-')
        ? $"chat: '{question}' is not an option; to ask it, use --prompt \"{string.Join(' ', parsed.UnmatchedTokens)}\""
        : $"chat: {parsed.Errors[0].Message}");
    return 2;
}

// Ctrl+C cancels the answer, not the program; ChatProgram handles it.
return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });

static T? Fail<T>(ArgumentResult result, string message)
    where T : class
{
    result.AddError(message);
    return null;
}
