using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm;

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
