using System.Text;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.Pipeline;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// A model's tokenizer: text to token ids and back, with exactly the ids of the reference implementation (the <c>tokenizers</c> library, 0.23). It is
/// a <see cref="Microsoft.ML.Tokenizers.Tokenizer"/>, so text chunkers, evaluators and anything else that counts tokens can use it directly.
/// Immutable and thread-safe; load it once and share it.
/// </summary>
/// <remarks>
/// Lone surrogates in a text are treated as U+FFFD. Truncation and padding settings of a file are ignored, since they are not meant for language
/// models. The cost of a file's normalizers and patterns is bounded per text, far above what real models need, because files may come from servers:
/// beyond it, every method throws <see cref="TokenizerException"/>.
/// </remarks>
public sealed partial class VllmTokenizer : Microsoft.ML.Tokenizers.Tokenizer
{
    private readonly TokenizerDefinition _definition;
    private readonly AddedTokenSet _added;
    private readonly EncodingPipeline _pipeline;
    private readonly TextDecoder _decoder;

    internal VllmTokenizer(TokenizerDefinition definition, TokenizerOptions? options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative((options ??= new TokenizerOptions()).SegmentCacheCapacity, nameof(options));
        _definition = definition;
        _added = new AddedTokenSet(definition.AddedTokens, definition.AddedTokensAreNormalized ? null : definition.Normalizer);
        _pipeline = new EncodingPipeline(definition, _added, options.SegmentCacheCapacity);
        _decoder = definition.CreateDecoder?.Invoke(_added)
            ?? new TextDecoder(
                DecodeTable.Create(definition.Model, _added, definition.DecoderKind, definition.TokensAreBytes),
                definition.DecoderKind,
                definition.Decoder);
        VocabularySize = definition.Model.Vocabulary.Count + _added.List.Count(token => !definition.Model.Vocabulary.Has(token.Id));
        MaxTokenId = _added.List.Aggregate(definition.Model.Vocabulary.IdLimit - 1, static (highest, token) => Math.Max(highest, token.Id));
    }

    /// <summary>The number of distinct tokens, including added tokens.</summary>
    public int VocabularySize { get; }

    /// <summary>The largest token id, including added tokens; at least <see cref="VocabularySize"/> − 1, and more if ids have gaps.</summary>
    public int MaxTokenId { get; }

    /// <summary>The added tokens, in the order of the file.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => _added.List;

    /// <summary>What the segment cache has done since loading.</summary>
    internal TokenizerCacheStatistics CacheStatistics => _pipeline.Statistics;

    /// <summary>Encodes a text. Added tokens in it, including control tokens, become their ids, as in the reference.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether to add the model's beginning- and end-of-sequence tokens, if the file says so.</param>
    /// <param name="cancellationToken">Cancels the encoding of a long text.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="TokenizerException">The model has neither a token for a character nor an unknown token.</exception>
    public int[] Encode(string text, bool addSpecialTokens = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encode(text.AsSpan(), addSpecialTokens, cancellationToken);
    }

    /// <summary>Encodes a text. Added tokens in it, including control tokens, become their ids, as in the reference.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether to add the model's beginning- and end-of-sequence tokens, if the file says so.</param>
    /// <param name="cancellationToken">Cancels the encoding of a long text.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="TokenizerException">The model has neither a token for a character nor an unknown token.</exception>
    public int[] Encode(ReadOnlySpan<char> text, bool addSpecialTokens = false, CancellationToken cancellationToken = default)
    {
        var state = _pipeline.Rent();
        Utf8Input.Write(text, state.Input);
        return Finish(state, null, addSpecialTokens, cancellationToken);
    }

    /// <summary>Encodes UTF-8 text. Invalid bytes are treated as U+FFFD, one per maximal invalid subsequence. A byte order mark is text.</summary>
    /// <param name="utf8Text">The text.</param>
    /// <param name="addSpecialTokens">Whether to add the model's beginning- and end-of-sequence tokens, if the file says so.</param>
    /// <param name="cancellationToken">Cancels the encoding of a long text.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="TokenizerException">The model has neither a token for a character nor an unknown token.</exception>
    public int[] Encode(ReadOnlySpan<byte> utf8Text, bool addSpecialTokens = false, CancellationToken cancellationToken = default)
    {
        var state = _pipeline.Rent();
        Utf8Input.Write(utf8Text, state.Input);
        return Finish(state, null, addSpecialTokens, cancellationToken);
    }

    /// <summary>
    /// Encodes a prompt whose ordinary parts (message content, as opposed to text from the template) cannot inject control tokens: no added token is
    /// recognized where it touches an ordinary range, flagged as special or not, and none results from the model's own vocabulary there; its text is
    /// encoded as plain text instead. Only added tokens that are ordinary text themselves (white space, emoji, HTML tags of models trained on tables
    /// with them) are recognized everywhere, see <see cref="IsControlToken"/>. Otherwise the ranges have no effect: splitting and merging cross their
    /// borders.
    /// </summary>
    /// <param name="text">The prompt.</param>
    /// <param name="ordinaryText">The ordinary ranges of the prompt, in UTF-16 code units. They may be in any order and may touch or overlap.</param>
    /// <param name="allowedInOrdinaryText">The ids of added tokens that are recognized there nevertheless.</param>
    /// <param name="addSpecialTokens">Whether to add the model's beginning- and end-of-sequence tokens, if the file says so.</param>
    /// <param name="cancellationToken">Cancels the encoding of a long text.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A range is outside the text.</exception>
    /// <exception cref="TokenizerException">The model has neither a token for a character nor an unknown token, or only a control token
    /// for a character of ordinary text.</exception>
    public int[] Encode(
        ReadOnlySpan<char> text,
        ReadOnlySpan<Range> ordinaryText,
        ReadOnlySpan<int> allowedInOrdinaryText = default,
        bool addSpecialTokens = false,
        CancellationToken cancellationToken = default)
    {
        var state = _pipeline.Rent();
        var ordinary = state.Ordinary;
        ordinary.Reset(_added, allowedInOrdinaryText);
        Utf8Input.Write(text, ordinaryText, state.Input, ordinary);
        return Finish(state, ordinary.Ranges.Count > 0 ? ordinary : null, addSpecialTokens, cancellationToken);
    }

    /// <summary>Encodes untrusted text as ordinary text: no control token is recognized in it, and none is added.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">Cancels the encoding of a long text.</param>
    /// <returns>The token ids.</returns>
    /// <exception cref="TokenizerException">The model has neither a token for a character nor an unknown token.</exception>
    public int[] EncodeOrdinary(ReadOnlySpan<char> text, CancellationToken cancellationToken = default) =>
        Encode(text, [Range.All], cancellationToken: cancellationToken);

    /// <summary>Decodes token ids to text. Unknown ids are left out; invalid UTF-8 becomes U+FFFD.</summary>
    /// <param name="ids">The token ids.</param>
    /// <param name="skipSpecialTokens">Whether to leave out special tokens (by id; other added tokens stay).</param>
    /// <returns>The text.</returns>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false) => _decoder.Decode(ids, skipSpecialTokens);

    /// <summary>Decodes token ids and returns where the text of each token begins, for log probabilities and token views.</summary>
    /// <param name="ids">The token ids.</param>
    /// <param name="skipSpecialTokens">Whether to leave out special tokens (by id; other added tokens stay).</param>
    /// <returns>The text, and for each token the UTF-16 offset at which its text begins; it ends where the next token's text begins. Tokens
    /// that carry only parts of one character all begin at that character, and the token that completes it owns it. Skipped and unknown
    /// tokens have no width.</returns>
    public (string Text, IReadOnlyList<int> Starts) DecodeWithStarts(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        var stream = CreateStreamDecoder(skipSpecialTokens);
        var text = new StringBuilder();
        var starts = new int[ids.Length];
        for (var i = 0; i < ids.Length; i++)
        {
            starts[i] = text.Length;
            text.Append(stream.Push(ids[i]));
        }

        return (text.Append(stream.Flush()).ToString(), starts);
    }

    /// <summary>Creates a decoder for a generated text.</summary>
    /// <param name="skipSpecialTokens">Whether to leave out special tokens (by id; other added tokens stay).</param>
    /// <param name="promptIds">The prompt, or its last ids, with which the first generated token keeps its leading blank in models that strip
    /// one at the start of a text. Their text is not returned.</param>
    /// <returns>A decoder for one text.</returns>
    public TokenStreamDecoder CreateStreamDecoder(bool skipSpecialTokens = false, ReadOnlySpan<int> promptIds = default) => _decoder.Kind switch
    {
        DecoderKind.Bytes => new ByteStreamDecoder(_decoder.Table, skipSpecialTokens, promptIds),
        DecoderKind.ByteFallback => new FallbackStreamDecoder(_decoder.Table, false, skipSpecialTokens, promptIds),
        DecoderKind.ByteFallbackStrip => new FallbackStreamDecoder(_decoder.Table, true, skipSpecialTokens, promptIds),
        _ => new ChainStreamDecoder(_decoder, skipSpecialTokens, promptIds),
    };

    /// <summary>Gets the id of a token, in the spelling of the vocabulary (including added tokens).</summary>
    /// <param name="token">The token, for example <c>&lt;|im_end|&gt;</c> or <c>Ġhello</c>.</param>
    /// <returns>The id; <see langword="null"/> if there is no such token.</returns>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (_added.Find(token) is { } added)
        {
            return added.Id;
        }

        var id = _definition.Model.Vocabulary.Find(token);
        return id >= 0 ? id : null;
    }

    /// <summary>Gets the token with an id, in the spelling of the vocabulary.</summary>
    /// <param name="id">The token id.</param>
    /// <returns>The token; <see langword="null"/> if there is no such id.</returns>
    public string? IdToToken(int id) =>
        _added.Find(id)?.Content ?? (_definition.Model.Vocabulary.Has(id) ? Encoding.UTF8.GetString(_definition.Model.Vocabulary.Token(id)) : null);

    /// <summary>Determines whether an id belongs to a special (control) token.</summary>
    /// <param name="id">The token id.</param>
    /// <returns>Whether the token is special.</returns>
    public bool IsSpecialToken(int id) => _added.IsSpecial(id);

    /// <summary>
    /// Determines whether an id belongs to an added token that the text of a message must not produce: special tokens, and markers that a file does
    /// not flag as special (tool calls, thinking, fill-in-the-middle, images, reserved ones). Added tokens that are ordinary text to their model are
    /// not control tokens: runs of white space, signs and emoji, HTML tags of models trained on tables with them.
    /// </summary>
    /// <param name="id">The token id.</param>
    /// <returns>Whether the token is a control token.</returns>
    public bool IsControlToken(int id) => _added.IsControl(id);

    private int[] Finish(EncoderState state, OrdinaryText? ordinary, bool addSpecialTokens, CancellationToken cancellationToken)
    {
        var template = addSpecialTokens ? _definition.Template : SpecialTokenTemplate.None;
        state.Begin(new EncodingLimits(int.MaxValue), withSpans: false, cancellationToken);
        _pipeline.Encode(state, ordinary);
        var ids = new int[template.Prefix.Length + state.Output.Count + template.Suffix.Length];
        template.Prefix.CopyTo(ids, 0);
        state.Output.Written.CopyTo(ids.AsSpan(template.Prefix.Length));
        template.Suffix.CopyTo(ids, ids.Length - template.Suffix.Length);

        // A call that fails leaves its state to the collector: it may be half written.
        _pipeline.Return(state);
        return ids;
    }
}
