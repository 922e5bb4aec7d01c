namespace Connectors.Vllm.ChatTemplates;

/// <summary>The shape of message content a template is written for.</summary>
public enum ChatContentFormat
{
    /// <summary>Content is one string; text parts are joined before rendering.</summary>
#pragma warning disable CA1720 // The format is called "string" everywhere.
    String,
#pragma warning restore CA1720

    /// <summary>Content is a list of parts (<c>{"type": "text", "text": …}</c>), as in the OpenAI API: the template iterates over it.</summary>
    OpenAI,
}
