using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>
/// Streaming decode for any other decoder chain: decodes a short window of ids with and without the new one and gives out the
/// difference, holding back text that ends in U+FFFD because the next token may complete it.
/// </summary>
internal sealed class ChainStreamDecoder : TokenStreamDecoder
{
    /// <summary>A window that has not shown a whole character by then is let go, so that the cost per token stays bounded.</summary>
    private const int LongestWindow = 64;

    /// <summary>Bytes of text that each token adds to what the whole stream may cost.</summary>
    private const int WorthOfToken = 64;

    private readonly TextDecoder _decoder;
    private readonly bool _skipSpecial;
    private readonly List<int> _window = [];
    private readonly TextBudget _budget = new();
    private string _prefix = string.Empty;
    private int _prefixIds;
    private bool _isHeld;

    public ChainStreamDecoder(TextDecoder decoder, bool skipSpecial, ReadOnlySpan<int> promptIds)
    {
        _decoder = decoder;
        _skipSpecial = skipSpecial;
        _window.AddRange(promptIds[Math.Max(0, promptIds.Length - 6)..]);
        _prefix = Decode();
        _prefixIds = _window.Count;
    }

    internal override bool IsInsideCharacter => _isHeld;

    public override string Push(int id)
    {
        if (!_decoder.Shows(id, _skipSpecial))
        {
            return string.Empty;
        }

        _window.Add(id);
        _budget.Allow(WorthOfToken);
        var text = Decode();
        if (text.Length <= _prefix.Length || (text.EndsWith('\uFFFD') && _window.Count < LongestWindow))
        {
            _isHeld = text.Length > _prefix.Length;
            return string.Empty;
        }

        _isHeld = false;
        return Give(text);
    }

    public override string Flush()
    {
        var text = Decode();
        var rest = text.Length > _prefix.Length ? text[_prefix.Length..] : string.Empty;
        TextLength += rest.Length;
        _isHeld = false;
        _window.Clear();
        _prefix = string.Empty;
        _prefixIds = 0;
        return rest;
    }

    private string Give(string text)
    {
        // Chains may rewrite earlier text; then the best that can be done is to go on behind what was given out.
        var from = _prefix.Length;
        if (from > 0 && char.IsLowSurrogate(text[from]))
        {
            from--;
        }

        var result = text[from..];
        _window.RemoveRange(0, _prefixIds);
        _prefix = Decode();
        _prefixIds = _window.Count;
        TextLength += result.Length;
        return result;
    }

    private string Decode() => _decoder.Decode(CollectionsMarshal.AsSpan(_window), _skipSpecial, _budget);
}
