namespace Connectors.Vllm.OutputParsing;

/// <summary>What an <see cref="OutputEvent"/> tells.</summary>
public enum OutputEventKind
{
    /// <summary>A piece of the model's reasoning; <see cref="OutputEvent.Text"/> holds it.</summary>
    Reasoning,

    /// <summary>A piece of the visible answer; <see cref="OutputEvent.Text"/> holds it.</summary>
    Text,

    /// <summary>A tool call begins: <see cref="OutputEvent.CallIndex"/>, <see cref="OutputEvent.CallId"/> and <see cref="OutputEvent.Name"/> are set.</summary>
    ToolCallStart,

    /// <summary>A piece of the call's arguments as JSON text. The pieces of one call concatenate to one JSON object, unless the call's end carries an error.</summary>
    ToolCallArguments,

    /// <summary>
    /// A tool call ends. <see cref="OutputEvent.Text"/> is the model's own markup of the call, and <see cref="OutputEvent.Error"/> says what is
    /// wrong when <see cref="MalformedCallPolicy.Call"/> handed out a call that cannot be run.
    /// </summary>
    ToolCallEnd,

    /// <summary>
    /// Characters that carry no content: markers, framing newlines, dropped special tokens, suppressed calls. Only with
    /// <see cref="OutputParserOptions.ReportMarkup"/>; then the texts of all events except <see cref="ToolCallArguments"/> concatenate to the raw output.
    /// </summary>
    Markup,
}
