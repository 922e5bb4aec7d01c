using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm;

/// <summary>
/// The base of all exceptions for failures between a client and a vLLM server. Derived types distinguish the common cases:
/// <see cref="VllmRequestException"/>, <see cref="VllmConnectionException"/>, <see cref="VllmTimeoutException"/>,
/// <see cref="VllmConstraintException"/>, <see cref="VllmModelChangedException"/> and <see cref="VllmProtocolException"/>. Cancellation by the caller
/// is reported as <see cref="OperationCanceledException"/> instead.
/// </summary>
public class VllmException : Exception
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The gRPC status code sent by the server, or the one with which this client classifies the failure.</summary>
    public StatusCode StatusCode { get; init; } = StatusCode.Unknown;

    /// <summary>The server's message, verbatim; empty if the failure did not come from the server.</summary>
    public string ServerMessage { get; init; } = string.Empty;

    /// <summary>
    /// The full gRPC method name, for example <c>/vllm.grpc.engine.VllmEngine/Generate</c>; <see langword="null"/> if no call was made.
    /// </summary>
    public string? Method { get; init; }

    /// <summary>The id with which the request was sent; <see langword="null"/> if the call has none.</summary>
    public string? RequestId { get; init; }

    /// <summary>The server's address; <see langword="null"/> if no server was involved.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>
    /// Whether the same request may succeed if it is sent again later or to another server. The client has already retried what is safe to retry; see
    /// <see cref="VllmConnectionOptions.Retry"/>.
    /// </summary>
    public bool IsRetryable { get; init; }

    /// <summary>Whether the server reported that its engine is dead. Every request to it fails until it is restarted.</summary>
    public bool IsEngineDead { get; init; }

    /// <summary>
    /// Whether the server was overloaded and refused the request without processing it. The client has already tried other servers and waited for up
    /// to <see cref="VllmRetryOptions.OverloadTimeout"/>.
    /// </summary>
    public bool IsOverloaded { get; init; }

    /// <summary>
    /// What had been received of an answer before it failed; <see langword="null"/> if nothing was, or if the call does not generate. The choices of
    /// a streamed answer have no text here; it is in the updates.
    /// </summary>
    public CompletionResult? PartialCompletion { get; internal set; }
}

/// <summary>
/// The request is not acceptable as it is: a local check refused it before anything was sent, or the server did (invalid argument, unknown model or
/// adapter, a feature that is off). Sending it again unchanged does not help.
/// </summary>
public sealed class VllmRequestException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmRequestException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmRequestException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmRequestException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// The name of the offending property of <see cref="GenerationRequest"/> or <see cref="SamplingOptions"/>; <see langword="null"/> if unknown.
    /// </summary>
    public string? Parameter { get; init; }
}

/// <summary>
/// The server could not be reached, the connection broke, or the address does not belong to a vLLM gRPC server. The status is usually
/// <see cref="StatusCode.Unavailable"/>. An answer that was being received is incomplete.
/// </summary>
public sealed class VllmConnectionException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmConnectionException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmConnectionException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmConnectionException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>No response arrived in time. <see cref="Option"/> names the limit of <see cref="VllmConnectionOptions"/> that was exceeded.</summary>
public sealed class VllmTimeoutException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmTimeoutException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmTimeoutException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmTimeoutException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// The option that sets the exceeded limit: <c>ConnectTimeout</c>, <c>FirstTokenTimeout</c>, <c>BetweenTokensTimeout</c>, and for the limits of a
    /// whole call <c>GenerationTimeout</c>, <c>TokenizerTimeout</c> or <c>CallTimeout</c>; <c>WaitForReady</c> for a server that was not ready.
    /// </summary>
    public string Option => Kind switch
    {
        VllmTimeoutKind.Connect => nameof(VllmConnectionOptions.ConnectTimeout),
        VllmTimeoutKind.FirstToken => nameof(VllmConnectionOptions.FirstTokenTimeout),
        VllmTimeoutKind.BetweenTokens => nameof(VllmConnectionOptions.BetweenTokensTimeout),
        _ => LimitOption,
    };

    internal VllmTimeoutKind Kind { get; init; }

    /// <summary>The option of a whole call's limit.</summary>
    internal string LimitOption { get; init; } = nameof(VllmConnectionOptions.CallTimeout);

    /// <summary>The limit that was exceeded.</summary>
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

    /// <summary>The limit of a whole call, which <see cref="VllmTimeoutException.LimitOption"/> sets.</summary>
    Call = 3,
}

/// <summary>
/// The output constraint (JSON schema, regular expression, grammar, choice, structural tag) failed: the server could not compile it, or the answer
/// does not satisfy it. Servers report some of these cases as success; this client does not.
/// </summary>
public sealed class VllmConstraintException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmConstraintException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmConstraintException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmConstraintException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The constraint that failed; <see langword="null"/> if unknown.</summary>
    public OutputConstraint? Constraint { get; init; }
}

/// <summary>
/// The server violated the protocol or exceeded a limit: a malformed frame or message, an answer without its final message, a message over the size
/// limit, a tokenizer archive that fails a check.
/// </summary>
public sealed class VllmProtocolException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmProtocolException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmProtocolException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmProtocolException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// The server no longer serves the model for which the prompt was tokenized (<see cref="GenerationRequest.PreparedFor"/>): it was restarted with
/// another model, or another of the configured servers serves a different one. Nothing was sent. Tokenize the prompt again for the model that is
/// served now; chat clients and embedding generators do so on their own.
/// </summary>
public sealed class VllmModelChangedException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmModelChangedException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    public VllmModelChangedException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    public VllmModelChangedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The model that is served now; <see langword="null"/> if unknown.</summary>
    public VllmModelInfo? Model { get; init; }
}
