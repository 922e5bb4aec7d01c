using System.CommandLine;
using Connectors.Vllm.Tool.Chat;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Commands;

/// <summary><c>chat</c> and <c>complete</c>: one answer, or a conversation.</summary>
internal static class ChatCommand
{
    private const string Examples = """
        Examples:
          vllm-grpc chat --endpoint http://gpu-box:50051
          vllm-grpc chat "Why is the sky blue?" --max-tokens 200
          git diff | vllm-grpc chat "Write a commit message for this change:"
        """;

    public static Command CreateChat()
    {
        var connection = new ConnectionArguments(demonstration: true);
        var sampling = new SamplingArguments();
        var prompt = new Argument<string[]>("prompt")
        { Description = "The question, to which piped input is appended. Without it, an interactive chat starts.", Arity = ArgumentArity.ZeroOrMore };
        var images = new Option<FileInfo[]>("--image") { Description = "An image to send with the question. Can be repeated." };
        var json = new Option<bool>("--json") { Description = "Write each update of the answer as a JSON line." };
        var stats = new Option<bool>("--stats") { Description = "Write time to first token, tokens per second and usage to standard error." };
        var clock = new Option<bool>("--clock") { Description = "Give the model a tool that returns the time." };
        var command = new Command("chat", "Asks a model a question, or starts a chat.\n\n" + Examples) { prompt, images, json, stats, clock };
        connection.AddTo(command);
        sampling.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(
                parsed, null, cancellationToken, required => sampling.Require(parsed, required)).ConfigureAwait(false);
            var options = sampling.Read(parsed);
            if (parsed.GetValue(clock))
            {
                options.Tools = [.. options.Tools ?? [], new ClockTool(TimeProvider.System)];
            }

            // Only tools that can be run are run; with --tools the calls are shown and the answer ends there.
            using var client = parsed.GetValue(clock) ? new ChatClientBuilder(open.Chat).UseFunctionInvocation().Build() : open.Chat;
            var writer = WriterOf(parsed.GetValue(json));
            var conversation = new Conversation(client, writer, options, sampling.System(parsed), parsed.GetValue(stats) ? Console.Error : null);
            var text = string.Join(' ', parsed.GetValue(prompt) ?? []);
            if (Console.IsInputRedirected && text.Length > 0)
            {
                text += "\n\n" + await Console.In.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
            }

            var files = parsed.GetValue(images) ?? [];
            return text.Length > 0
                ? await conversation.AskOnceAsync(text.TrimEnd(), files, cancellationToken).ConfigureAwait(false)
                : await new ChatLoop(conversation).RunAsync(files, cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    public static Command CreateComplete()
    {
        var connection = new ConnectionArguments(demonstration: true);
        var sampling = new SamplingArguments();
        var text = new Argument<string?>("text")
        { Description = "The text to continue; @FILE reads a file, and without it standard input is read.", Arity = ArgumentArity.ZeroOrOne };
        var json = new Option<bool>("--json") { Description = "Write each update as a JSON line." };
        var command =
            new Command(
                "complete",
                "Continues a text, without a chat template.\n\nExample:\n  vllm-grpc complete \"Once upon a time\" --max-tokens 50")
                { text, json };
        connection.AddTo(command);
        sampling.AddTo(command, isChat: false);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var prompt = parsed.GetValue(text) is { } given
                ? SamplingArguments.ReadText(given, "text")
                : await Console.In.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
            await using var open = await connection.OpenAsync(
                parsed, null, cancellationToken, options => sampling.Require(parsed, options)).ConfigureAwait(false);
            var writer = WriterOf(parsed.GetValue(json));
            List<ChatResponseUpdate> updates = [];
            await foreach (var update in open.Client.CompleteStreamingAsync(prompt, sampling.Read(parsed), cancellationToken).ConfigureAwait(false))
            {
                updates.Add(update);
                writer.Write(update);
            }

            writer.Complete(updates.ToChatResponse());
            return ExitCode.Success;
        });
        return command;
    }

    private static IAnswerWriter WriterOf(bool json) => json
        ? new JsonAnswerWriter(Console.Out)
        : new TextAnswerWriter(Console.Out, Colors.Output, toTerminal: !Console.IsOutputRedirected);
}
