using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm;

/// <summary>
/// Anything that went wrong between this client and a vLLM server. Derived types tell the common cases apart:
/// <see cref="VllmRequestException"/>, <see cref="VllmConnectionException"/>, <see cref="VllmTimeoutException"/>,
/// <see cref="VllmConstraintException"/> and <see cref="VllmProtocolException"/>. Cancellation by the caller is an
/// <see cref="OperationCanceledException"/>, never this.
/// </summary>
public class VllmException : Exception
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The gRPC status, as sent by the server or as this client classified the failure.</summary>
    public StatusCode StatusCode { get; init; } = StatusCode.Unknown;

    /// <summary>What the server said, word for word; empty when the failure did not come from the server.</summary>
    public string ServerMessage { get; init; } = string.Empty;

    /// <summary>Full method name, e.g. <c>/vllm.grpc.engine.VllmEngine/Generate</c>; null when no call was made.</summary>
    public string? Method { get; init; }

    /// <summary>The id the request was sent under; null when the call has none.</summary>
    public string? RequestId { get; init; }

    /// <summary>The server's address; null when no server was involved.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>
    /// Whether the same request may succeed when it is sent again later or to another server. The client itself has
    /// already retried what is safe to retry (see <see cref="VllmConnectionOptions.Retry"/>).
    /// </summary>
    public bool IsRetryable { get; init; }

    /// <summary>Whether the server reported that its engine has died: every request there fails until it is restarted.</summary>
    public bool IsEngineDead { get; init; }

    /// <summary>
    /// Whether the server was full and refused the request without working on it. The client has already tried other servers and waited as long as
    /// <see cref="VllmRetryOptions.OverloadTimeout"/> allows.
    /// </summary>
    public bool IsOverloaded { get; init; }

    /// <summary>
    /// What had come of an answer before it failed; null when nothing had, or the call asks for no answer. Choices whose updates were streamed have no text
    /// here: it is in the updates.
    /// </summary>
    public CompletionResult? PartialCompletion { get; internal set; }
}
