using System.Globalization;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Streams an answer to the console as it arrives: thinking dimmed, tool calls and their results marked.</summary>
internal sealed class ConsoleAnswerWriter(TextWriter output, bool colors) : IAnswerWriter
{
    private const string Dim = "\u001b[2m";
    private const string Cyan = "\u001b[36m";
    private const string Reset = "\u001b[0m";

    private bool _thinking;
    private bool _startOfLine = true;

    public void Write(ChatResponseUpdate update)
    {
        foreach (var content in update.Contents)
        {
            switch (content)
            {
                case TextReasoningContent reasoning:
                    StartThinking();
                    Write(reasoning.Text);
                    break;
                case TextContent text:
                    EndThinking();
                    Write(text.Text);
                    break;
                case FunctionCallContent call:
                    EndThinking();
                    var arguments = string.Join(", ",
                        (call.Arguments ?? new Dictionary<string, object?>()).Select(argument => $"{argument.Key}: {argument.Value}"));
                    WriteLine(Cyan, string.Create(CultureInfo.InvariantCulture, $"[calls {call.Name}({arguments})]"));
                    break;
                case FunctionResultContent result:
                    WriteLine(Cyan, string.Create(CultureInfo.InvariantCulture, $"[returned {result.Exception?.Message ?? result.Result}]"));
                    break;
            }
        }

        output.Flush();
    }

    public void Complete(ChatResponse response)
    {
        EndThinking();
        EnsureNewLine();
        output.Flush();
    }

    /// <summary>The answer ends here; what follows on the console must not look like part of it.</summary>
    public void Abandon()
    {
        EndThinking();
        EnsureNewLine();
        output.Flush();
    }

    private void StartThinking()
    {
        if (!_thinking)
        {
            _thinking = true;
            output.Write(colors ? Dim : "(thinking) ");
        }
    }

    private void EndThinking()
    {
        if (_thinking)
        {
            _thinking = false;
            output.Write(colors ? Reset : "");
            EnsureNewLine();
        }
    }

    private void Write(string text)
    {
        if (text.Length > 0)
        {
            output.Write(text);
            _startOfLine = text[^1] == '\n';
        }
    }

    private void WriteLine(string color, string text)
    {
        EnsureNewLine();
        output.WriteLine(colors ? color + text + Reset : text);
    }

    private void EnsureNewLine()
    {
        if (!_startOfLine)
        {
            output.WriteLine();
            _startOfLine = true;
        }
    }
}
