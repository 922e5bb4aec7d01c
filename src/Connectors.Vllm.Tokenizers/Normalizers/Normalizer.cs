using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>
/// Rewrites a segment (the text between two added tokens). Immutable and thread-safe; input is valid UTF-8 and so is the output.
/// </summary>
internal abstract class Normalizer
{
    /// <summary>
    /// Appends the normal form of <paramref name="text"/> to <paramref name="output"/> and returns true, or appends nothing and returns false if the
    /// text is already normalized. Also called with an empty text. Returning false quickly for ASCII is what makes normalizers cheap. If the output
    /// is aligned, each change is recorded with the part of the text that it replaces.
    /// </summary>
    public abstract bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget);

    /// <summary>
    /// Whether the first character of the normal form does not come from the first character of the text, because leading characters were stripped.
    /// The segment is then not at the start of the text (relevant only for Metaspace with "first").
    /// </summary>
    public virtual bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget) => false;
}

/// <summary>Applies several normalizers in sequence.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> parts) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        Utf8Buffer source = NormalizerBuffers.Rent(budget), target = NormalizerBuffers.Rent(budget);
        var changed = false;
        Alignment? alignment = null;
        foreach (var part in parts)
        {
            target.Alignment = output.Alignment is null ? null : new Alignment();
            if (Step(part, text, changed, ref source, ref target, budget))
            {
                alignment = source.Alignment is { } step && alignment is not null ? step.Over(alignment, source.Length) : source.Alignment;
                changed = true;
            }
        }

        if (changed)
        {
            output.Alignment?.Append(alignment!, output.Length);
            output.Append(source.Written);
        }

        NormalizerBuffers.Return(source);
        NormalizerBuffers.Return(target);
        return changed;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget)
    {
        Utf8Buffer source = NormalizerBuffers.Rent(budget), target = NormalizerBuffers.Rent(budget);
        var changed = false;
        var strips = false;
        foreach (var part in parts)
        {
            strips |= part.StripsStart(changed ? source.Written : text, budget);
            changed |= Step(part, text, changed, ref source, ref target, budget);
        }

        NormalizerBuffers.Return(source);
        NormalizerBuffers.Return(target);
        return strips;
    }

    /// <summary>Applies one part; afterwards <paramref name="source"/> contains the text if any part has changed it.</summary>
    private static bool Step(
        Normalizer part, ReadOnlySpan<byte> text, bool changed, ref Utf8Buffer source, ref Utf8Buffer target, TextBudget budget)
    {
        var before = changed ? source.Written : text;
        budget.Spend(before.Length + 1);
        if (!part.TryNormalize(before, target, budget))
        {
            return false;
        }

        (source, target) = (target, source);
        target.Clear();
        return true;
    }
}

/// <summary>Buffers for intermediate texts, cached per thread.</summary>
internal static class NormalizerBuffers
{
    private const int KeptBytes = 1 << 20;

    [ThreadStatic]
    private static Stack<Utf8Buffer>? s_spare;

    /// <summary>Rents an empty buffer with the size limit of the budget; return it with <see cref="Return"/> on the same thread.</summary>
    public static Utf8Buffer Rent(TextBudget budget)
    {
        var spare = s_spare ??= new Stack<Utf8Buffer>();
        var buffer = spare.Count > 0 ? spare.Pop() : new Utf8Buffer();
        buffer.Limit = budget.MaxOutputLength;
        return buffer;
    }

    public static void Return(Utf8Buffer buffer)
    {
        buffer.Trim(KeptBytes);
        buffer.Alignment = null;
        s_spare!.Push(buffer);
    }
}
