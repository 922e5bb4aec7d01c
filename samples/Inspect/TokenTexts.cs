using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Samples.Inspect;

/// <summary>The text of single tokens, decoded once each.</summary>
internal sealed class TokenTexts(VllmTokenizer tokenizer)
{
    private readonly Dictionary<int, string> _texts = [];

    public string this[int id]
    {
        get
        {
            if (!_texts.TryGetValue(id, out var text))
            {
                _texts.Add(id, text = tokenizer.Decode([id]));
            }

            return text;
        }
    }
}
