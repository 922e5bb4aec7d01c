using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>
/// The rule by which vLLM 0.32 takes constraints, as scripted replies: the first constrained request of an engine's life chooses its grammar
/// compiler, every later one is chosen for by the front end anew, and what the engine's compiler cannot read fails as it does there.
/// </summary>
internal sealed class OneCompiler(OneCompiler.FrontEnd frontEnd)
{
    private string? _compiler;

    public enum FrontEnd
    {
        /// <summary>The VllmEngine protocol's servicer in Python.</summary>
        Python,

        /// <summary>The same protocol's servicer in Rust.</summary>
        Rust,

        /// <summary>The Inference protocol, whose front end always chooses llguidance.</summary>
        Inference,
    }

    public int Refusals { get; private set; }

    public void Restart() => _compiler = null;

    public ScriptedReply Reply(CapturedRequest request)
    {
        var (kind, text) = ConstraintOf(request);
        _compiler ??= Choice(kind, text);
        if (kind != OutputConstraintKind.StructuralTag || _compiler == "xgrammar")
        {
            return "{}";
        }

        Refusals++;
        return frontEnd switch
        {
            FrontEnd.Python => new ScriptedReply { Ids = [], EndWithEos = false, FinishReason = "error" },
            FrontEnd.Rust => ScriptedReply.Failing(ServerFault.Status(13, "engine finished the request with an error (see engine logs)")),
            _ => ScriptedReply.Failing(ServerFault.Status(13, "engine failed during generation")),
        };
    }

    private string Choice(OutputConstraintKind kind, string text) =>
        frontEnd == FrontEnd.Inference
        || (kind == OutputConstraintKind.JsonSchema && text.Contains("multipleOf", StringComparison.Ordinal))
        || (kind == OutputConstraintKind.Grammar && text.Contains("<[", StringComparison.Ordinal)) ? "llguidance" : "xgrammar";

    private static (OutputConstraintKind Kind, string Text) ConstraintOf(CapturedRequest request)
    {
        var bytes = request.Bytes.ToArray();
        var constraint = request.Method.Contains("VllmEngine", StringComparison.Ordinal)
            ? RequestReading.FromEngine(bytes).Request.Constraint
            : RequestReading.FromInference(bytes, stream: true).Request.Constraint;
        return constraint is null ? throw new InvalidOperationException("The request has no constraint.") : (constraint.Kind, constraint.Value);
    }
}
