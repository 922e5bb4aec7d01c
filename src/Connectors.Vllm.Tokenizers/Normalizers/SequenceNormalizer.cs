namespace Connectors.Vllm.Tokenizers;

/// <summary>Several normalizers in a row.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> parts) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        Utf8Buffer source = NormalizerBuffers.Rent(), target = NormalizerBuffers.Rent();
        var changed = Run(text, ref source, ref target);
        if (changed)
        {
            output.Append(source.Written);
        }

        NormalizerBuffers.Return(source);
        NormalizerBuffers.Return(target);
        return changed;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text)
    {
        Utf8Buffer source = NormalizerBuffers.Rent(), target = NormalizerBuffers.Rent();
        var changed = false;
        var strips = false;
        foreach (var part in parts)
        {
            strips |= part.StripsStart(changed ? source.Written : text);
            changed |= Step(part, text, changed, ref source, ref target);
        }

        NormalizerBuffers.Return(source);
        NormalizerBuffers.Return(target);
        return strips;
    }

    private bool Run(ReadOnlySpan<byte> text, ref Utf8Buffer source, ref Utf8Buffer target)
    {
        var changed = false;
        foreach (var part in parts)
        {
            changed |= Step(part, text, changed, ref source, ref target);
        }

        return changed;
    }

    /// <summary>Runs one part; afterwards <paramref name="source"/> holds the text if anything has changed it so far.</summary>
    private static bool Step(Normalizer part, ReadOnlySpan<byte> text, bool changed, ref Utf8Buffer source, ref Utf8Buffer target)
    {
        if (!part.TryNormalize(changed ? source.Written : text, target))
        {
            return false;
        }

        (source, target) = (target, source);
        target.Clear();
        return true;
    }
}
