using Connectors.Vllm.OutputParsing.Constraints;

namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// Builds the constraint that makes a model write calls in its own format, or answers of a schema, with its thought before. Thread-safe.
/// </summary>
internal static class OutputConstraints
{
    /// <summary>Builds the constraint of a request.</summary>
    /// <param name="format">The model's format.</param>
    /// <param name="request">What is asked.</param>
    /// <returns>The constraint to send, and the shape of the calls it makes.</returns>
    /// <exception cref="OutputFormatException">The request cannot be expressed: an unknown named tool, or a schema that is no JSON.</exception>
    public static OutputConstraintResult Build(OutputFormat format, OutputConstraintRequest request)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentNullException.ThrowIfNull(request);
        return ConstraintBuilder.Build(format.Constraints, request);
    }
}
