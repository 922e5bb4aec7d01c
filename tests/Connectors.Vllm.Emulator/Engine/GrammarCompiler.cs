using Connectors.Vllm.Testing.Generation;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>
/// Which constraints an engine of vLLM 0.32 takes. The first constrained request of its life makes its grammar compiler, which stays until it stops;
/// the front end chooses one for every request anew, and what the engine's compiler cannot read fails.
/// </summary>
internal sealed class GrammarCompiler(EmulatedServer server)
{
    // Keywords of JSON schema that the front end keeps from xgrammar.
    private static readonly string[] OnlyForGuidance = ["\"multipleOf\"", "\"uniqueItems\"", "\"contains\"", "\"patternProperties\"",
        "\"propertyNames\""];
    private readonly Lock _lock = new();
    private bool? _isGuidance;
    private int _refusals;

    /// <summary>Requests that the engine's compiler could not read.</summary>
    public int Refusals => Volatile.Read(ref _refusals);

    /// <summary>The engine has llguidance; xgrammar otherwise, or none yet.</summary>
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

    /// <summary>Whether the engine's compiler reads a constraint; the first one makes the compiler.</summary>
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

    /// <summary>The engine starts anew.</summary>
    public void Restart()
    {
        lock (_lock)
        {
            _isGuidance = null;
        }
    }

    // A special token in a Lark grammar is known to llguidance only.
    private static bool IsForGuidance(Constraint constraint) => constraint.Kind switch
    {
        ConstraintKind.JsonSchema => Array.Exists(OnlyForGuidance, keyword => constraint.Text.Contains(keyword, StringComparison.Ordinal)),
        ConstraintKind.Grammar => constraint.Text.Contains("<[", StringComparison.Ordinal)
            || constraint.Text.Contains(" <|", StringComparison.Ordinal),
        _ => false,
    };

    // llguidance reads the old dialect, with "structures".
    private static bool IsStructuralTagOfToday(Constraint constraint) =>
        constraint.Kind == ConstraintKind.StructuralTag && !constraint.Text.Contains("\"structures\"", StringComparison.Ordinal);
}
