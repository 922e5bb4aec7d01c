using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>What a model's files say by themselves, before any server was asked. Immutable and thread-safe.</summary>
/// <param name="Files">The files.</param>
/// <param name="Config">config.json, generation_config.json and what else is configuration.</param>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="Templates">The chat templates and special tokens.</param>
internal sealed record ModelAssets(ModelFileSet Files, ModelConfig Config, VllmTokenizer Tokenizer, ChatTemplateSource Templates)
{
    /// <param name="files">The files.</param>
    /// <param name="options">They may bring a tokenizer.</param>
    /// <exception cref="VllmModelException">A file is broken; the message says which and why.</exception>
    public static ModelAssets Read(ModelFileSet files, VllmGrpcOptions options) => VllmModelException.Guard(files.Origin, () =>
        new ModelAssets(files, ModelConfig.Read(files.Files), ReadTokenizer(files, options), ChatTemplateSource.FromFiles(files.Files)));

    private static VllmTokenizer ReadTokenizer(ModelFileSet files, VllmGrpcOptions options)
    {
        if (options.Tokenizer is { } given)
        {
            return VllmTokenizer.From(given, VllmTokenizer.ReadAddedTokens(files.Files.GetValueOrDefault("tokenizer_config.json")));
        }

        // The files are in memory already and count, too.
        var left = options.Connection.MaxTokenizerBytes - files.Files.Sum(static file => (long)file.Value.Length);
        return VllmTokenizer.FromFiles(files.Files, new TokenizerOptions { MaxLoadBytes = Math.Max(1, left) });
    }
}
