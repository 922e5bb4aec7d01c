using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>The small model, saying that it sees.</summary>
internal static class VisionModelFolder
{
    private static readonly Lazy<string> Written = new(() =>
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("tiny-vision-").FullName);
        var config = System.IO.Path.Combine(folder, "config.json");
        File.WriteAllText(config, File.ReadAllText(config)
            .Replace("Qwen3ForCausalLM", "Qwen2VLForConditionalGeneration", StringComparison.Ordinal)
            .Replace("\"qwen3\"", "\"qwen2_vl\"", StringComparison.Ordinal));
        return folder;
    });

    public static string Path => Written.Value;
}
