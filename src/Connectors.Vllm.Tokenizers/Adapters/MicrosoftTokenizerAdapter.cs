using System.Text;
using Connectors.Vllm.Tokenizers.AddedTokens;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Pipeline;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Tokenizers.Adapters;

/// <summary>
/// Uses a tokenizer of Microsoft.ML.Tokenizers as a model: it encodes and decodes the text between added tokens, which this package matches, so that
/// content cannot contain them.
/// </summary>
internal static class MicrosoftTokenizerAdapter
{
    /// <summary>Creates the definition of a tokenizer that uses <paramref name="tokenizer"/>.</summary>
    /// <param name="tokenizer">Any tokenizer.</param>
    /// <param name="addedTokens">The added tokens besides the special tokens of the tokenizer itself.</param>
    public static TokenizerDefinition Define(Tokenizer tokenizer, IEnumerable<AddedToken> addedTokens)
    {
        var vocabulary = tokenizer switch
        {
            BpeTokenizer bpe => bpe.Vocabulary,
            SentencePieceTokenizer sentencePiece => sentencePiece.Vocabulary,
            CodeGenTokenizer codeGen => codeGen.Vocabulary,
            _ => null,
        };
        var special = tokenizer switch
        {
            TiktokenTokenizer tiktoken => tiktoken.SpecialTokens,
            BpeTokenizer bpe => bpe.SpecialTokens,
            SentencePieceTokenizer sentencePiece => sentencePiece.SpecialTokens,
            CodeGenTokenizer codeGen => codeGen.SpecialTokens,
            WordPieceTokenizer wordPiece => wordPiece.SpecialTokens,
            _ => null,
        };
        var added = addedTokens.ToList();
        var known = added.Select(token => token.Content).ToHashSet(StringComparer.Ordinal);
        added.AddRange((special ?? new Dictionary<string, int>())
            .Where(token => token.Key.Length > 0 && !known.Contains(token.Key))
            .Select(token => new AddedToken(token.Value, token.Key, IsSpecial: true)));
        return new TokenizerDefinition
        {
            Model = new MicrosoftModel(tokenizer, Words(vocabulary)),
            AddedTokens = added,
            DecoderKind = DecoderKind.Chain,
            CreateDecoder = tokens => new MicrosoftDecoder(tokenizer, tokens),
        };
    }

    private static Vocabulary Words(IReadOnlyDictionary<string, int>? words)
    {
        var builder = new Vocabulary.Builder(words?.Count ?? 16);
        foreach (var (word, id) in words ?? new Dictionary<string, int>())
        {
            builder.TryAdd(Encoding.UTF8.GetBytes(word), id);
        }

        return builder.Build();
    }

    private sealed class MicrosoftModel(Tokenizer tokenizer, Vocabulary vocabulary) : TokenModel
    {
        public override Vocabulary Vocabulary => vocabulary;

        public override int UnknownId => tokenizer is SentencePieceTokenizer sentencePiece ? sentencePiece.UnknownId : -1;

        public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
        {
            // Begin and end tokens are disabled, because each piece is only a part of a text.
            var text = Encoding.UTF8.GetString(piece);
            var ids = tokenizer switch
            {
                SentencePieceTokenizer sentencePiece => sentencePiece.EncodeToIds(text, addBeginningOfSentence: false, addEndOfSentence: false),
                CodeGenTokenizer codeGen => codeGen.EncodeToIds(
                    text, addPrefixSpace: false, addBeginningOfSentence: false, addEndOfSentence: false),
                BertTokenizer bert => bert.EncodeToIds(text, addSpecialTokens: false),
                _ => tokenizer.EncodeToIds(text),
            };
            foreach (var id in ids)
            {
                output.Add(id);
            }
        }

        public override void Locate(ReadOnlySpan<byte> piece, ReadOnlySpan<int> ids, TokenSpans spans, TextBudget budget)
        {
            var text = Encoding.UTF8.GetString(piece);
            var tokens = tokenizer switch
            {
                SentencePieceTokenizer sentencePiece => sentencePiece.EncodeToTokens(
                    text, out _, addBeginningOfSentence: false, addEndOfSentence: false),
                _ => tokenizer.EncodeToTokens(text, out _),
            };
            for (var i = 0; i < ids.Length; i++)
            {
                // The offsets refer to a normalized text; if it differs from the piece, only the piece as a whole is known.
                var known = i < tokens.Count && tokens[i].Id == ids[i] && tokens[i].Offset.End.Value <= text.Length;
                var (start, length) = known ? tokens[i].Offset.GetOffsetAndLength(text.Length) : (0, text.Length);
                spans.Add(Encoding.UTF8.GetByteCount(text.AsSpan(0, start)), Encoding.UTF8.GetByteCount(text.AsSpan(0, start + length)));
            }
        }
    }

    private sealed class MicrosoftDecoder(Tokenizer tokenizer, AddedTokenSet added)
        : TextDecoder(
            DecodeTable.Create(new MicrosoftModel(tokenizer, Words(null)), added, DecoderKind.Chain, tokensAreBytes: false), DecoderKind.Chain, null)
    {
        public override bool Shows(int id, bool skipSpecial) => id >= 0 && !(skipSpecial && added.IsSpecial(id));

        public override string Decode(ReadOnlySpan<int> ids, bool skipSpecial, TextBudget? budget = null)
        {
            var text = new StringBuilder();
            var run = new List<int>();
            foreach (var id in ids)
            {
                if (added.Find(id) is not { } token)
                {
                    run.Add(id);
                    continue;
                }

                Flush(run, text);
                text.Append(skipSpecial && token.IsSpecial ? string.Empty : token.Content);
            }

            Flush(run, text);
            return text.ToString();
        }

        private void Flush(List<int> run, StringBuilder text)
        {
            if (run.Count > 0)
            {
                text.Append(tokenizer.Decode(run));
                run.Clear();
            }
        }
    }
}
