using System.Text;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Samples.Inspect;

/// <summary>A parser's events, collected.</summary>
internal sealed class ParsedOutput
{
    public ParsedOutput(OutputEvents events)
    {
        Events = events;
        Dictionary<int, StringBuilder> arguments = [];
        foreach (var @event in events)
        {
            switch (@event.Kind)
            {
                case OutputEventKind.Reasoning:
                    Reasoning.Append(@event.Text);
                    break;
                case OutputEventKind.Text:
                    Text.Append(@event.Text);
                    break;
                case OutputEventKind.ToolCallStart:
                    arguments.Add(@event.CallIndex, new StringBuilder());
                    break;
                case OutputEventKind.ToolCallArguments:
                    arguments[@event.CallIndex].Append(@event.Text);
                    break;
                case OutputEventKind.ToolCallEnd:
                    Calls.Add((@event.Name!, arguments[@event.CallIndex].ToString()));
                    break;
            }
        }
    }

    public StringBuilder Reasoning { get; } = new();

    public StringBuilder Text { get; } = new();

    public List<(string Name, string Arguments)> Calls { get; } = [];

    public OutputEvents Events { get; }
}
