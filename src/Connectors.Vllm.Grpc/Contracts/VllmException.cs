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

/// <summary>
/// The request cannot be carried out as it is: refused by a local check before anything was sent, or by the server
/// (invalid argument, unknown model or adapter, a feature that is off). Sending it again unchanged does not help.
/// </summary>
public sealed class VllmRequestException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmRequestException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmRequestException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmRequestException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Name of the offending parameter as in <see cref="GenerationRequest"/> or <see cref="SamplingOptions"/>; null when unknown.</summary>
    public string? Parameter { get; init; }
}

/// <summary>
/// The server could not be reached, the connection broke, or what answers there is no vLLM gRPC server. The status is usually
/// <see cref="StatusCode.Unavailable"/>; an answer that was being received is incomplete.
/// </summary>
public sealed class VllmConnectionException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmConnectionException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmConnectionException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmConnectionException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// No response arrived in time. <see cref="Option"/> names the limit of <see cref="VllmConnectionOptions"/> that was reached.
/// </summary>
public sealed class VllmTimeoutException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmTimeoutException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmTimeoutException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmTimeoutException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// The option that sets the limit that was reached: <c>ConnectTimeout</c>, <c>FirstTokenTimeout</c>, <c>BetweenTokensTimeout</c>, or
    /// <c>CallTimeout</c> for the limits of a whole call.
    /// </summary>
    public string Option => Kind switch
    {
        VllmTimeoutKind.Connect => nameof(VllmConnectionOptions.ConnectTimeout),
        VllmTimeoutKind.FirstToken => nameof(VllmConnectionOptions.FirstTokenTimeout),
        VllmTimeoutKind.BetweenTokens => nameof(VllmConnectionOptions.BetweenTokensTimeout),
        _ => nameof(VllmConnectionOptions.CallTimeout),
    };

    internal VllmTimeoutKind Kind { get; init; }

    /// <summary>The limit.</summary>
    public TimeSpan Timeout { get; init; }
}

/// <summary>The limits that a <see cref="VllmTimeoutException"/> can stem from.</summary>
internal enum VllmTimeoutKind
{
    /// <summary><see cref="VllmConnectionOptions.ConnectTimeout"/>.</summary>
    Connect = 0,

    /// <summary><see cref="VllmConnectionOptions.FirstTokenTimeout"/>.</summary>
    FirstToken = 1,

    /// <summary><see cref="VllmConnectionOptions.BetweenTokensTimeout"/>.</summary>
    BetweenTokens = 2,

    /// <summary><see cref="VllmConnectionOptions.CallTimeout"/> or <see cref="VllmConnectionOptions.GenerationTimeout"/>.</summary>
    Call = 3,
}

/// <summary>
/// The output constraint (JSON schema, regular expression, grammar, choice, structural tag) did not hold: the server could
/// not compile it, or what came back does not follow it. Servers report some of these cases as success; this client does not.
/// </summary>
public sealed class VllmConstraintException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmConstraintException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmConstraintException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmConstraintException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The constraint that failed.</summary>
    public OutputConstraint? Constraint { get; init; }
}

/// <summary>
/// The server sent what the protocol does not allow or what is over a limit: a malformed frame or message, an answer that ends
/// without its final message, a message over the size limit, a tokenizer archive that fails a check.
/// </summary>
public sealed class VllmProtocolException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmProtocolException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmProtocolException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmProtocolException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// The server has another model than the one the prompt ids were made for (<see cref="GenerationRequest.PreparedFor"/>): it was restarted with
/// another one, or another server of the list serves another one. Nothing was sent. Make the prompt again with the tokenizer of the model that is
/// served now; chat clients and embedding generators do that by themselves.
/// </summary>
public sealed class VllmModelChangedException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmModelChangedException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    public VllmModelChangedException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    public VllmModelChangedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The model that is served now; null when unknown.</summary>
    public VllmModelInfo? Model { get; init; }
}
