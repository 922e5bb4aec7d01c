using System.Text.Json;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>Real chat templates: those of the npm fixtures, and the extra corpus.</summary>
internal static class TemplateFiles
{
    public static readonly string[] NpmFamilies = ["qwen3", "llama3_1", "deepseek_v3", "gptoss", "gemma3", "llama2"];

    public static IEnumerable<(string Name, string Source)> OfNpm(string family)
    {
        var config = Path.Combine(TestPaths.NpmTokenizer(family), "tokenizer_config.json");
        using var json = JsonDocument.Parse(File.ReadAllText(config));
        if (json.RootElement.TryGetProperty("chat_template", out var template))
        {
            if (template.ValueKind == JsonValueKind.String)
            {
                yield return (family, template.GetString()!);
            }
            else
            {
                foreach (var named in template.EnumerateArray())
                {
                    yield return ($"{family}/{named.GetProperty("name").GetString()}", named.GetProperty("template").GetString()!);
                }
            }
        }
    }

    public static IEnumerable<(string Name, string Source)> OfCorpus() =>
        Directory.EnumerateFiles(TestPaths.RequireCorpus("chat-templates"), "*.jinja").Order(StringComparer.Ordinal)
            .Select(path => (Path.GetFileName(path), File.ReadAllText(path)));
}
