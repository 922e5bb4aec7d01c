namespace Connectors.Vllm.Testing.Engine;

/// <summary>What one message carries: the new ids of one choice, the text that became visible, and how the choice ended, if it did.</summary>
/// <param name="Index">The choice.</param>
/// <param name="Offset">Number of ids of this choice before these.</param>
/// <param name="Ids">The new ids.</param>
/// <param name="Text">Text that became visible with them; only when the request needs text.</param>
/// <param name="Finish">How the choice ended; <see cref="FinishKind.None"/> while it goes on.</param>
/// <param name="FinishToken">The id that ended it, for <see cref="FinishKind.Eos"/> and <see cref="FinishKind.StopToken"/>.</param>
/// <param name="FinishString">The stop string that ended it.</param>
internal sealed record SequenceStep(int Index, int Offset, IReadOnlyList<int> Ids, string Text, FinishKind Finish, int FinishToken, string FinishString)
{
    public bool IsLast => Finish != FinishKind.None;
}
