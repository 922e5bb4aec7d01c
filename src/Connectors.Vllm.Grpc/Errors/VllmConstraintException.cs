namespace Connectors.Vllm.Grpc;

/// <summary>
/// The output constraint (JSON schema, regular expression, grammar, choice, structural tag) did not hold: the server could
/// not compile it, or what came back does not follow it. Servers report some of these cases as success; this client does not.
/// </summary>
public sealed class VllmConstraintException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmConstraintException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    public VllmConstraintException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public VllmConstraintException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The constraint that failed.</summary>
    public OutputConstraint? Constraint { get; init; }
}
