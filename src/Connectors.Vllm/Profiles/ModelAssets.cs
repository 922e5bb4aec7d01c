using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>What a model's files say by themselves, before any server was asked. Immutable and thread-safe.</summary>
/// <param name="Files">The files.</param>
/// <param name="Config">config.json, generation_config.json and what else is configuration.</param>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="Templates">The chat templates and special tokens.</param>
internal sealed record ModelAssets(ModelFileSet Files, ModelConfig Config, Tokenizer Tokenizer, ChatTemplateSource Templates)
{
    /// <exception cref="VllmModelException">A file is broken; the message says which and why.</exception>
    public static ModelAssets Read(ModelFileSet files)
    {
        try
        {
            return new ModelAssets(files, ModelConfig.Read(files.Files), Tokenizer.FromFiles(files.Files), ChatTemplateSource.FromFiles(files.Files));
        }
        catch (Exception error) when (error is TokenizerException or ChatTemplateException or InvalidDataException)
        {
            throw VllmModelException.Unusable(files.Origin, error);
        }
    }
}
