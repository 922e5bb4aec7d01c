namespace Connectors.Vllm.Tokenizers;

/// <summary>Every piece is one token, or the unknown token.</summary>
internal sealed class WordLevelModel(Vocabulary vocabulary, string unknownToken) : TokenModel
{
    private readonly int _unknown = vocabulary.Find(unknownToken);

    public override Vocabulary Vocabulary => vocabulary;

    public override void Encode(ReadOnlySpan<byte> piece, ModelState state, IdList output)
    {
        var id = vocabulary.Find(piece);
        if (id < 0)
        {
            id = _unknown >= 0
                ? _unknown
                : throw new TokenizerException($"the text holds a word that is no token, and the unknown token '{unknownToken}' is not in the vocabulary");
        }

        output.Add(id);
    }
}
