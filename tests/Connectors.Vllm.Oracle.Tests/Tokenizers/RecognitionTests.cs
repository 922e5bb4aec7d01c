using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Loading;
using Connectors.Vllm.Tokenizers.Pipeline;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>The files of models in use take the quick way: a pattern that is spelled a little differently must not slow them down unseen.</summary>
public sealed class RecognitionTests
{
    [Theory]
    [InlineData("qwen3", "Qwen2")]
    [InlineData("llama3_1", "Cl100k")]
    [InlineData("deepseek_v3", "DeepSeekV3")]
    [InlineData("gptoss", "O200k")]
    public void Load_ByteLevelModel_HasScanner(string family, string scanner)
    {
        var definition = Load(family);

        Assert.Equal(scanner, definition.Scanner.ToString());
        Assert.True(definition.Model.ReadsRawBytes);
        Assert.Equal(DecoderKind.Bytes, definition.DecoderKind);
    }

    [Theory]
    [InlineData("llama2", "ByteFallbackStrip")]
    [InlineData("gemma3", "ByteFallback")]
    public void Load_SentencePieceModel_HasDirectDecoder(string family, string decoder) => Assert.Equal(decoder, Load(family).DecoderKind.ToString());

    private static TokenizerDefinition Load(string family)
    {
        var folder = TestPaths.NpmTokenizer(family);
        return TokenizerJsonLoader.Load(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")), "tokenizer.json", default);
    }
}
