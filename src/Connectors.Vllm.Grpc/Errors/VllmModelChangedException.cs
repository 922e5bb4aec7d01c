namespace Connectors.Vllm.Grpc;

/// <summary>
/// The server has another model than the one the prompt ids were made for (<see cref="GenerationRequest.PreparedFor"/>): it was restarted with another
/// one, or another server of the list serves another one. Nothing was sent. Make the prompt again with the tokenizer of the model that is served now; chat
/// clients and embedding generators do that by themselves.
/// </summary>
public sealed class VllmModelChangedException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmModelChangedException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    public VllmModelChangedException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public VllmModelChangedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The model that is served now; null when unknown.</summary>
    public VllmModelInfo? Model { get; init; }
}
