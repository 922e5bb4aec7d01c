namespace Connectors.Vllm.OutputParsing;

/// <summary>Puts the constraint of a request together: calls, answer, thought.</summary>
internal static class ConstraintBuilder
{
    public static OutputConstraintResult Build(OutputFormat format, OutputConstraintRequest request) =>
        new(request.Answer, format.Tools.Tag is null ? CallShape.Native : CallShape.Native);
}
