using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Loading;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>A tokenizer.json made for one test, in a file that goes away with it.</summary>
public sealed class SyntheticTokenizer : IDisposable
{
    private const string AnyModel = """{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}""";

    public SyntheticTokenizer(
        string normalizer = "null", string preTokenizer = "null", string model = AnyModel, string decoder = "null", string postProcessor = "null",
        string addedTokens = "[]")
    {
        Json = $$"""
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":{{addedTokens}},"normalizer":{{normalizer}},
            "pre_tokenizer":{{preTokenizer}},"post_processor":{{postProcessor}},"decoder":{{decoder}},"model":{{model}}}
            """;
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"tokenizer-{Guid.NewGuid():N}.json");
        File.WriteAllText(Path, Json, new UTF8Encoding(false));
    }

    public string Json { get; }

    public string Path { get; }

    public VllmTokenizer Load() => VllmTokenizer.FromJson(Encoding.UTF8.GetBytes(Json));

    /// <summary>The component's JSON, as the loader sees it.</summary>
    internal static ComponentJson Component(string json)
    {
        using var document = JsonDocument.Parse(json);
        return new ComponentJson(document.RootElement.Clone(), "$", "test.json");
    }

    /// <summary>A JSON string.</summary>
    public static string Quote(string text) => JsonValue.Create(text)!.ToJsonString();

    public void Dispose() => File.Delete(Path);
}
