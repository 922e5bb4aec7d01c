using Connectors.Vllm.Testing.Generation;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>
/// Decides which constraints an engine of vLLM 0.32 accepts. Its first constrained request creates the grammar compiler, which it keeps until it
/// stops; the front end chooses a compiler for each request, and a constraint that the engine's compiler cannot read fails.
/// </summary>
internal sealed class GrammarCompiler(EmulatedServer server)
{
    // JSON schema keywords for which the front end does not choose xgrammar.
    private static readonly string[] OnlyForGuidance = ["\"multipleOf\"", "\"uniqueItems\"", "\"contains\"", "\"patternProperties\"",
        "\"propertyNames\""];
    private readonly Lock _lock = new();
    private bool? _isGuidance;
    private int _refusals;

    /// <summary>The number of requests that the engine's compiler could not compile.</summary>
    public int Refusals => Volatile.Read(ref _refusals);

    /// <summary>Whether the engine uses llguidance; otherwise it uses xgrammar, or none yet.</summary>
    public bool IsGuidance
    {
        get
        {
            lock (_lock)
            {
                return _isGuidance == true;
            }
        }
    }

    /// <summary>Whether the engine's compiler accepts a constraint; the first one creates the compiler.</summary>
    public bool Takes(Constraint? constraint)
    {
        if (constraint is null || server is not (EmulatedServer.VllmEngine or EmulatedServer.VllmEngineRust or EmulatedServer.Inference))
        {
            return true;
        }

        lock (_lock)
        {
            _isGuidance ??= server == EmulatedServer.Inference || IsForGuidance(constraint);
            var takes = _isGuidance == false || !IsStructuralTagOfToday(constraint);
            _refusals += takes ? 0 : 1;
            return takes;
        }
    }

    /// <summary>Restarts the engine.</summary>
    public void Restart()
    {
        lock (_lock)
        {
            _isGuidance = null;
        }
    }

    // Only llguidance supports special tokens in Lark grammars.
    private static bool IsForGuidance(Constraint constraint) => constraint.Kind switch
    {
        ConstraintKind.JsonSchema => Array.Exists(OnlyForGuidance, keyword => constraint.Text.Contains(keyword, StringComparison.Ordinal)),
        ConstraintKind.Grammar => constraint.Text.Contains("<[", StringComparison.Ordinal)
            || constraint.Text.Contains(" <|", StringComparison.Ordinal),
        _ => false,
    };

    // llguidance supports the older dialect, with "structures".
    private static bool IsStructuralTagOfToday(Constraint constraint) =>
        constraint.Kind == ConstraintKind.StructuralTag && !constraint.Text.Contains("\"structures\"", StringComparison.Ordinal);
}
