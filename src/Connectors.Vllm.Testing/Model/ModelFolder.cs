namespace Connectors.Vllm.Testing.Model;

/// <summary>Reads the files of a model folder that GetTokenizer hands out; weights and sub-folders stay where they are.</summary>
internal static class ModelFolder
{
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        "tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
        "tokenizer.model", "tiktoken.model", "chat_template.json", "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
    };

    public static IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Read(string folder)
    {
        var files = new SortedDictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            var name = Path.GetFileName(path);
            if (Names.Contains(name) || Path.GetExtension(name) is ".tiktoken" or ".jinja" or ".model")
            {
                files[name] = File.ReadAllBytes(path);
            }
        }

        return files.Count > 0 ? files : throw new FileNotFoundException("no tokenizer or config file is in it.");
    }
}
