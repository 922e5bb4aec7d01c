using System.Buffers;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Pipeline;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Tokenizers;

/// <content>
/// The side that Microsoft.ML.Tokenizers knows. Offsets and counts of characters are UTF-16 units of the text that was given, not of a
/// normalized one, so normalized texts are always null. Tokens that carry parts of one character have that character's range. Begin and end
/// tokens of the model are not added.
/// </content>
public sealed partial class VllmTokenizer
{
    private string?[]? _tokens;

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return Decode(ids as int[] ?? [.. ids]);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Ids whose text does not fit, or that end inside a character, are not consumed: pass them again with a larger destination, or together with the
    /// ids that follow. The result is then <see cref="OperationStatus.DestinationTooSmall"/> or <see cref="OperationStatus.NeedMoreData"/>. Unknown
    /// ids have no text.
    /// </remarks>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        idsConsumed = 0;
        charsWritten = 0;
        var stream = CreateStreamDecoder();
        var (seen, written) = (0, 0);
        foreach (var id in ids)
        {
            seen++;
            var text = stream.Push(id);
            if (!text.TryCopyTo(destination[written..]))
            {
                return OperationStatus.DestinationTooSmall;
            }

            written += text.Length;
            if (!stream.IsInsideCharacter)
            {
                (idsConsumed, charsWritten) = (seen, written);
            }
        }

        return idsConsumed == seen ? OperationStatus.Done : OperationStatus.NeedMoreData;
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        textSpan = text ?? textSpan;
        if (settings.MaxTokenCount == int.MaxValue)
        {
            var state = EncodeState(textSpan, settings, int.MaxValue, withSpans: false);
            var ids = state.Output.Written.ToArray();
            _pipeline.Return(state);
            return new EncodeResults<int> { Tokens = ids, NormalizedText = null, CharsConsumed = textSpan.Length };
        }

        var located = EncodeState(textSpan, settings, AtMost(settings), withSpans: true);
        var count = WholeTokens(located, textSpan, settings.MaxTokenCount, out var consumed);
        var some = located.Output.Written[..count].ToArray();
        _pipeline.Return(located);
        return new EncodeResults<int> { Tokens = some, NormalizedText = null, CharsConsumed = consumed };
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        textSpan = text ?? textSpan;
        var state = EncodeState(textSpan, settings, AtMost(settings), withSpans: true);
        var count = WholeTokens(state, textSpan, settings.MaxTokenCount, out var consumed);
        var tokens = new EncodedToken[count];
        for (var i = 0; i < count; i++)
        {
            var (start, end) = state.Spans![i];
            var id = state.Output.Written[i];
            tokens[i] = new EncodedToken(id, TokenText(id), new Range(start, end));
        }

        _pipeline.Return(state);
        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = null, CharsConsumed = consumed };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        textSpan = text ?? textSpan;
        var isWhole = settings.MaxTokenCount == int.MaxValue;
        var state = EncodeState(textSpan, settings, AtMost(settings), withSpans: !isWhole);
        var count = isWhole ? state.Output.Count : WholeTokens(state, textSpan, settings.MaxTokenCount, out _);
        _pipeline.Return(state);
        return count;
    }

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        textSpan = text ?? textSpan;
        normalizedText = null;
        var state = EncodeState(textSpan, settings, fromEnd ? int.MaxValue : AtMost(settings), withSpans: true);
        int index;
        if (!fromEnd)
        {
            tokenCount = WholeTokens(state, textSpan, settings.MaxTokenCount, out index);
        }
        else
        {
            ToCharacters(state, textSpan);
            var spans = state.Spans!;
            var first = Math.Max(0, spans.Count - settings.MaxTokenCount);
            while (first > 0 && first < spans.Count && spans[first - 1].End > spans[first].Start)
            {
                first++;
            }

            tokenCount = spans.Count - first;
            index = first == 0 ? 0 : first < spans.Count ? spans[first].Start : textSpan.Length;
        }

        _pipeline.Return(state);
        return index;
    }

    /// <summary>One token more than asked for tells where the last one that is wanted ends.</summary>
    private static int AtMost(EncodeSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount, "maxTokenCount");
        return settings.MaxTokenCount == int.MaxValue ? int.MaxValue : settings.MaxTokenCount + 1;
    }

    private EncoderState EncodeState(ReadOnlySpan<char> text, EncodeSettings settings, int mostIds, bool withSpans)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount, "maxTokenCount");
        var state = _pipeline.Rent();
        Utf8Input.Write(text, state.Input);
        state.Begin(new EncodingLimits(mostIds, !settings.ConsiderNormalization, !settings.ConsiderPreTokenization), withSpans, default);
        _pipeline.Encode(state, null);
        return state;
    }

    /// <summary>
    /// How many of the first tokens are whole, at most <paramref name="most"/>: a cut never goes through a character that several tokens share.
    /// The state's spans then count characters.
    /// </summary>
    private static int WholeTokens(EncoderState state, ReadOnlySpan<char> text, int most, out int consumed)
    {
        ToCharacters(state, text);
        var spans = state.Spans!;
        var count = Math.Min(most, spans.Count);
        while (count > 0 && count < spans.Count && spans[count - 1].End > spans[count].Start)
        {
            count--;
        }

        consumed = count < spans.Count ? spans[count].Start : text.Length;
        return count;
    }

    private static void ToCharacters(EncoderState state, ReadOnlySpan<char> text)
    {
        // A text without a longer character has as many bytes as UTF-16 units.
        if (state.Input.Length != text.Length)
        {
            state.Spans!.ToCharacters(state.Input.Written);
        }
    }

    private string TokenText(int id)
    {
        var tokens = _tokens ??= new string?[MaxTokenId + 1];
        return (uint)id < (uint)tokens.Length ? tokens[id] ??= IdToToken(id) ?? string.Empty : string.Empty;
    }
}
