using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Tests;

public sealed class TinyModelTests
{
    // Ids as the npm package "tokenizers" 0.23.2, the reference implementation, gives them for the shipped tokenizer.json.
    [Theory]
    [InlineData("Hello, world! It's 2026.", new[] { 1724, 44, 880, 33, 863, 480, 32, 50, 48, 50, 54, 46 })]
    [InlineData("<|im_start|>user\nGrüße aus 東京 🙂<|im_end|>\n",
        new[] { 3257, 2362, 10, 71, 114, 195, 188, 195, 159, 101, 261, 422, 32, 2823, 2717, 3080, 3258, 10 })]
    [InlineData("  two  spaces\n\n<think>\nhm</think>", new[] { 32, 704, 32, 257, 112, 395, 115, 10, 10, 3264, 10, 104, 109, 3265 })]
    [InlineData("The capital of France is Paris.", new[] { 1725, 757, 385, 890, 405, 723, 46 })]
    public void Encode_ShippedTokenizer_GivesTheReferenceIds(string text, int[] expected)
    {
        var tokenizer = VllmTokenizer.FromFiles(TinyModel.Files);

        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(text, tokenizer.Decode(expected));
    }
}
