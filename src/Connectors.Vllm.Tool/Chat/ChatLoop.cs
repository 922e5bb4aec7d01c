using System.Text.Json;
using Connectors.Vllm.Tool.Batch;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Chat;

/// <summary>The interactive chat: lines are questions, lines that begin with <c>/</c> are commands.</summary>
internal sealed class ChatLoop(Conversation conversation)
{
    private const string Help = """
        /system TEXT   sets the system message; without text, removes it
        /tools FILE    gives the model tools (OpenAI's form); without a file, takes them away
        /image FILE    sends an image with the next question
        /save FILE     writes the conversation as a JSON body of OpenAI's form, for 'batch' and 'inspect prompt'
        /clear         forgets the conversation
        /exit          ends (so does Ctrl+D)
        Arrow keys bring earlier lines back; Ctrl+C cancels an answer.
        """;

    private readonly List<FileInfo> _images = [];

    public async Task<int> RunAsync(IReadOnlyList<FileInfo> images, CancellationToken cancellationToken)
    {
        _images.AddRange(images);
        var interactive = !Console.IsInputRedirected;
        var lines = interactive ? (ILineSource)new LineEditor() : new PipedLines(Console.In);
        if (interactive)
        {
            Console.Error.WriteLine("/help shows the commands; Ctrl+C cancels an answer, Ctrl+D ends the chat.");
        }

        var exitCode = ExitCode.Success;
        while (await lines.ReadAsync("> ", cancellationToken).ConfigureAwait(false) is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            if (!line.StartsWith('/'))
            {
                exitCode = await conversation.AskOnceAsync(line, [.. _images], cancellationToken).ConfigureAwait(false);
                _images.Clear();
            }
            else if (line.Trim() is "/exit" or "/quit")
            {
                break;
            }
            else
            {
                Obey(line);
            }
        }

        return exitCode;
    }

    private void Obey(string line)
    {
        var (name, rest) = line.IndexOf(' ') is var space and > 0 ? (line[..space], line[(space + 1)..].Trim()) : (line.Trim(), "");
        try
        {
            switch (name)
            {
                case "/help":
                    Console.Error.WriteLine(Help);
                    break;
                case "/system":
                    conversation.SetSystem(rest);
                    break;
                case "/tools":
                    using (var document = rest.Length == 0 ? null : JsonDocument.Parse(File.ReadAllBytes(rest)))
                    {
                        conversation.Options.Tools = document is null ? null : OpenAIRequest.ReadTools(document.RootElement);
                    }

                    break;
                case "/image" or "/save" when rest.Length == 0:
                    Console.Error.WriteLine($"{name} takes a file: {name} FILE");
                    break;
                case "/image":
                    _images.Add(File.Exists(rest) ? new FileInfo(rest) : throw new FileNotFoundException($"The file {rest} does not exist."));
                    break;
                case "/save":
                    File.WriteAllBytes(rest, ConversationFile.Write(conversation.History));
                    break;
                case "/clear":
                    conversation.Clear();
                    break;
                default:
                    Console.Error.WriteLine($"{name} is not a command; /help lists the commands.");
                    break;
            }
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or JsonException or FormatException or ArgumentException
                or InvalidOperationException)
        {
            ErrorConsole.Complain(exception);
        }
    }
}
