using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Replaces a pattern inside each token.</summary>
internal sealed class ReplaceDecoder(Normalizer replace) : Decoder
{
    public override void Decode(List<string> tokens)
    {
        var output = new Utf8Buffer();
        for (var i = 0; i < tokens.Count; i++)
        {
            output.Clear();
            if (replace.TryNormalize(Encoding.UTF8.GetBytes(tokens[i]), output))
            {
                tokens[i] = Encoding.UTF8.GetString(output.Written);
            }
        }
    }
}
