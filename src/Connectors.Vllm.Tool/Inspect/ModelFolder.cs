using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary>What the output parsers want to know of a model's folder.</summary>
internal sealed class ModelFolder
{
    private ModelFolder(VllmTokenizer tokenizer, OutputFormatHints hints)
    {
        Tokenizer = tokenizer;
        Hints = hints;
        SpecialTokens = tokenizer.AddedTokens.Where(token => token.IsSpecial).ToDictionary(token => token.Id, token => token.Content);
    }

    public VllmTokenizer Tokenizer { get; }

    public OutputFormatHints Hints { get; }

    public IReadOnlyDictionary<int, string> SpecialTokens { get; }

    public static ModelFolder Load(string directory)
    {
        var tokenizer = VllmTokenizer.FromDirectory(directory);
        using var config = Read(directory, "config.json");
        using var tokenizerConfig = Read(directory, "tokenizer_config.json");
        return new ModelFolder(tokenizer, new OutputFormatHints
        {
            ModelType = config?.RootElement.Text("model_type"),
            Architectures = config?.RootElement.Member("architectures")?.EnumerateArray().Select(name => name.GetString()!).ToArray() ?? [],
            ChatTemplate = Template(directory),
            FindToken = tokenizer.TokenToId,
            ResponseTemplate = tokenizerConfig?.RootElement.Member("response_template")?.GetRawText(),
            ModelName = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))),
        });
    }

    private static JsonDocument? Read(string directory, string file)
    {
        var path = Path.Combine(directory, file);
        return File.Exists(path) ? JsonDocument.Parse(File.ReadAllBytes(path)) : null;
    }

    private static string? Template(string directory)
    {
        try
        {
            return ChatTemplateSource.FromDirectory(directory).Select(hasTools: true).Source;
        }
        catch (ChatTemplateException)
        {
            // A folder without a chat template can still be parsed for.
            return null;
        }
    }
}
