using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>
/// Finds where places of a text lie in its normal form. Exactly: as the length of the normal form of everything before. With very many
/// places in a very long text that would be quadratic; then from place to place, adding lengths, which is the same for every normalizer
/// that works character by character.
/// </summary>
internal ref struct NormalBorder
{
    private readonly Normalizer? _normalizer;
    private readonly Utf8Buffer _scratch;
    private readonly TextBudget _budget;
    private readonly bool _exact;
    private readonly int _prefix;
    private int _place;
    private int _normalPlace;

    public NormalBorder(Normalizer? normalizer, Utf8Buffer scratch, bool exact, TextBudget budget)
    {
        _normalizer = normalizer;
        _scratch = scratch;
        _budget = budget;
        _exact = exact;

        // What is put before every text must not be counted for every part.
        _prefix = exact ? 0 : Length("a"u8) - 1;
    }

    /// <summary>Where <paramref name="place"/> lies in the normal form of <paramref name="text"/>. Places come in rising order.</summary>
    public int Of(ReadOnlySpan<byte> text, int place)
    {
        if (place == 0)
        {
            return 0;
        }

        if (_exact)
        {
            return Length(text[..place]);
        }

        if (place > _place)
        {
            _normalPlace += Length(text[_place..place]) - (_place > 0 ? _prefix : 0);
            _place = place;
        }

        return _normalPlace;
    }

    private readonly int Length(ReadOnlySpan<byte> text)
    {
        _scratch.Clear();
        _budget.Note(text.Length);
        return _normalizer is not null && _normalizer.TryNormalize(text, _scratch, _budget) ? _scratch.Length : text.Length;
    }
}
