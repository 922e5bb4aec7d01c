using System.Text;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.TestSupport;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Models;

/// <summary>
/// Model folders in the shapes that models have: tokenizer, templates, profile and test server read the same of each.
/// </summary>
public sealed class ModelFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("model-folder-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Files of the folder, with the tokenizer and the template that count (null: the renderer of Mistral's models).</summary>
    public static TheoryData<string[], string, string?> Shapes { get; } = new()
    {
        { ["tekken.json"], "tekken.json", null },
        { ["tekken.json", "tokenizer.json", "chat_template.jinja"], "tekken.json", "chat_template.jinja" },
        {
            ["tokenizer.json", "tokenizer.model", "chat_template.jinja", "tokenizer_config.json", "chat_template.json"],
            "tokenizer.json", "chat_template.jinja"
        },
        { ["tokenizer.json", "tokenizer_config.json", "chat_template.json"], "tokenizer.json", "tokenizer_config.json" },
        { ["tokenizer.json", "chat_template.json"], "tokenizer.json", "chat_template.json" },
        {
            ["tokenizer.json", "additional_chat_templates/default.jinja", "tokenizer_config.json"],
            "tokenizer.json", "additional_chat_templates/default.jinja"
        },
        { ["tokenizer.model", "chat_template.jinja"], "tokenizer.model", "chat_template.jinja" },
        { ["spiece.model", "tokenizer_config.json"], "spiece.model", "tokenizer_config.json" },
        { ["other.model", "tokenizer.model", "chat_template.jinja"], "tokenizer.model", "chat_template.jinja" },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Readers_FolderOfEachShape_TakeTheSameFiles(string[] files, string tokenizer, string? template)
    {
        Write([.. files, "config.json"]);
        var expected = VllmTokenizer.FromFile(Path.Combine(_folder, tokenizer)).Encode("ab ba");

        var profile = await VllmModelProfile.FromDirectoryAsync(_folder, cancellationToken: Served.Cancel);
        await using var served = await Served.StartAsync(
            server: server => server.ModelDirectory = _folder, client: client => client.ModelDirectory = _folder);
        served.Server.Reply("ab");
        var answer = await served.AskAsync("ba");

        Assert.Equal(expected, VllmTokenizer.FromDirectory(_folder).Encode("ab ba"));
        Assert.Equal(expected, profile.Tokenizer.Encode("ab ba"));
        Assert.Equal(expected, served.Server.Tokenizer.Encode("ab ba"));
        Assert.Equal("ab", answer.Text);
        var prompt = template is null ? "<s>[INST]ba[/INST]" : $"<{template}>ba";
        Assert.Equal(prompt, VllmPromptPreview.Create(profile, [new(ChatRole.User, "ba")]).Text);
        var templates = ChatTemplateSource.FromDirectory(_folder);
        Assert.Equal(template is null ? [] : ["default"], templates.Templates.Keys);
        Assert.True(template is null || templates.Select().Render(new ChatTemplateInput { Messages = Hello }).Text == prompt);
    }

    [Fact]
    public async Task GetTokenizer_FolderOfMistral_HandsOutWhatVllmDoes()
    {
        Write(["tekken.json", "added_tokens.json", "additional_chat_templates/default.jinja", "config.json", "tokenizer_config.json"]);

        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { ModelDirectory = _folder }, Served.Cancel);

        Assert.Equal(["config.json", "tokenizer_config.json"], server.ModelFiles.Keys);
    }

    [Theory]
    [InlineData("tokenizer.json", true)]
    [InlineData("tekken.json", true)]
    [InlineData("tiktoken.model", true)]
    [InlineData("qwen.tiktoken", true)]
    [InlineData("config.json", false)]
    [InlineData("sub/tokenizer.json", false)]
    public void HasTokenizer_EachKindOfFile_IsRecognized(string name, bool expected) => Assert.Equal(
        expected, new ModelFileSet(new Dictionary<string, ReadOnlyMemory<byte>> { [name] = new byte[] { 1 } }, "a test").HasTokenizer);

    private static IReadOnlyList<object?> Hello => [new Dictionary<string, object?> { ["role"] = "user", ["content"] = "ba" }];

    private void Write(IEnumerable<string> files)
    {
        foreach (var name in files)
        {
            var path = Path.Combine(_folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Content(name));
        }
    }

    private static byte[] Content(string name)
    {
        var template = $"<{name}>{{% for message in messages %}}{{{{ message.content }}}}{{% endfor %}}";
        return name switch
        {
            "config.json" => """{"model_type":"llama","vocab_size":4000,"eos_token_id":279}"""u8.ToArray(),
            "tekken.json" => Encoding.UTF8.GetBytes(Tekken()),
            "tokenizer.json" => TinyModel.Files["tokenizer.json"].ToArray(),
            "other.model" => "not a tokenizer"u8.ToArray(),
            "added_tokens.json" => "{}"u8.ToArray(),
            _ when name.EndsWith(".model", StringComparison.Ordinal) => new SentencePieceFile([.. Pieces()]) { AddsPrefix = false }.ToBytes(),
            _ when name.EndsWith(".json", StringComparison.Ordinal) =>
                JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["chat_template"] = template }),
            _ => Encoding.UTF8.GetBytes(template),
        };
    }

    /// <summary>A token for each byte after the first control tokens.</summary>
    private static string Tekken()
    {
        var tokens = Enumerable.Range(0, 256)
            .Select(value => $$"""{"rank":{{value}},"token_bytes":"{{Convert.ToBase64String([(byte)value])}}","token_str":null}""");
        return """{"config":{"pattern":"\\p{L}+|[^\\p{L}]+","num_vocab_tokens":256,"default_vocab_size":281,"""
            + $$""" "default_num_special_tokens":25,"version":"v3"},"vocab":[{{string.Join(',', tokens)}}],"special_tokens":null}""";
    }

    private static IEnumerable<SentencePiece> Pieces()
    {
        yield return new SentencePiece("<unk>", 0, SentencePieceKind.Unknown);
        yield return new SentencePiece("<s>", 0, SentencePieceKind.Control);
        yield return new SentencePiece("</s>", 0, SentencePieceKind.Control);
        for (var value = 0; value < 256; value++)
        {
            yield return new SentencePiece($"<0x{value:X2}>", 0, SentencePieceKind.Byte);
        }

        foreach (var letter in "▁abchatemplt<>_.json")
        {
            yield return new SentencePiece(letter.ToString(), -letter);
        }
    }
}
