namespace Connectors.Vllm.Grpc;

/// <summary>
/// Which of a constraint's two languages one server's engine compiles. An engine makes its grammar compiler at the first constrained request of its
/// life and keeps it, whoever sent that request, and structural tags are compiled by xgrammar only. What was taken last is sent until it fails; a
/// restart of the engine can
/// change it. Thread-safe.
/// </summary>
internal sealed class ConstraintLanguage
{
    private const int Unknown = 0;
    private const int First = 1;
    private const int Alternative = 2;
    private int _taken = Unknown;

    /// <summary>What to send to a server.</summary>
    /// <param name="constraint">A constraint, with an alternative or without one.</param>
    /// <param name="protocol">The server's protocol. The front end of the Inference protocol always chooses llguidance.</param>
    public OutputConstraint Choose(OutputConstraint constraint, VllmProtocol protocol)
    {
        var taken = Volatile.Read(ref _taken);
        var isAlternative = taken == Unknown ? protocol is VllmProtocol.Inference or VllmProtocol.LegacyInference : taken == Alternative;
        return isAlternative && constraint.Alternative is { } alternative ? alternative : constraint;
    }

    /// <summary>The one of the two that was not sent.</summary>
    public static OutputConstraint Other(OutputConstraint constraint, OutputConstraint sent) =>
        ReferenceEquals(sent, constraint) ? constraint.Alternative! : constraint;

    /// <summary>The server has taken this one, after it had refused the other.</summary>
    public void Remember(OutputConstraint constraint, OutputConstraint taken) =>
        Volatile.Write(ref _taken, ReferenceEquals(taken, constraint) ? First : Alternative);

    /// <summary>Both were refused.</summary>
    public static VllmConstraintException Neither(OutputConstraint constraint, VllmConstraintException first, VllmConstraintException second) => new(
        $"The server at {second.Endpoint} compiles the constraint in neither language. {first.Constraint?.Kind}: {Answer(first)} "
        + $"{second.Constraint?.Kind}: {Answer(second)} An engine keeps the grammar compiler that its first constrained request chose, from "
        + "whichever client "
        + "that came (a schema with 'multipleOf', for example, chooses llguidance, which compiles no structural tags; older servers compile "
        + "nothing else). "
        + "Restarting the engine lets the next constrained request choose again.",
        second)
    {
        Constraint = constraint,
        StatusCode = second.StatusCode,
        ServerMessage = second.ServerMessage,
        Method = second.Method,
        RequestId = second.RequestId,
        Endpoint = second.Endpoint,
    };

    private static string Answer(VllmConstraintException exception) => exception.ServerMessage.Length > 0
        ? $"'{exception.ServerMessage}'."
        : exception.Message;
}
