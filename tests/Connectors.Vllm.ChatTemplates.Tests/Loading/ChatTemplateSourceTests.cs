using System.Text;

namespace Connectors.Vllm.ChatTemplates.Tests.Loading;

public sealed class ChatTemplateSourceTests
{
    [Fact]
    public void Select_TemplateFile_ReplacesTheConfigEntry()
    {
        var source = Source(("tokenizer_config.json", """{"chat_template":"config"}"""), ("chat_template.jinja", "file"),
            ("chat_template.json", """{"chat_template":"json"}"""));
        Assert.Equal("file", source.Select().Source);
        Assert.Equal(["default"], source.Templates.Keys);
    }

    [Fact]
    public void Select_EmptyTemplateFile_IsUsed() =>
        Assert.Equal("", Source(("tokenizer_config.json", """{"chat_template":"config"}"""), ("chat_template.jinja", "")).Select().Source);

    [Fact]
    public void Select_NamedTemplates_PrefersToolUseWithTools()
    {
        var source =
            Source(("tokenizer_config.json",
                """{"chat_template":[{"name":"default","template":"d"},{"name":"tool_use","template":"t"},{"name":"rag","template":"r"}]}"""));
        Assert.Equal("d", source.Select().Source);
        Assert.Equal("t", source.Select(hasTools: true).Source);
        Assert.Equal("r", source.Select(hasTools: true, name: "rag").Source);
        Assert.Contains("rag", Assert.Throws<ChatTemplateException>(() => source.Select(name: "nope")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Select_AdditionalTemplates_AreNamedByTheirFiles()
    {
        var source = Source(("tokenizer_config.json", """{"chat_template":"config"}"""), ("additional_chat_templates/tool_use.jinja", "t"),
            ("additional_chat_templates/default.jinja", "d"), ("chat_templates/x.jinja", "x"));
        Assert.Equal(["default", "tool_use"], source.Templates.Keys.Order());
        Assert.Equal("t", source.Select(hasTools: true).Source);
    }

    [Fact]
    public void Select_OnlyProcessorFile_IsTheLastResort() =>
        Assert.Equal("json", Source(("tokenizer_config.json", "{}"), ("chat_template.json", """{"chat_template":"json"}""")).Select().Source);

    [Fact]
    public void Select_NoTemplate_ThrowsAndSaysWhatToDo()
    {
        var source = Source(("tokenizer_config.json", "{}"));
        Assert.Empty(source.Templates);
        Assert.Contains("pass one", Assert.Throws<ChatTemplateException>(() => source.Select()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromFiles_FolderInNames_IsIgnored() =>
        Assert.Equal("c", Source(("model/tokenizer_config.json", """{"chat_template":"c"}"""), ("model/tokenizer.json", "{}")).Select().Source);

    [Fact]
    public void FromFiles_BrokenJson_NamesTheFile() =>
        Assert.Contains("tokenizer_config.json", Assert.Throws<ChatTemplateException>(() => Source(("tokenizer_config.json", "{"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void FromFiles_BrokenTemplate_NamesTheTemplate() =>
        Assert.Equal("default", Assert.Throws<ChatTemplateException>(() => Source(("chat_template.jinja", "{{ "))).TemplateName);

    [Fact]
    public void SpecialTokens_ConfigMapAndDefaults_AreMerged()
    {
        var source = Source(
            ("tokenizer_config.json",
                """{"tokenizer_class":"LlamaTokenizerFast","bos_token":{"content":"<b>","lstrip":false},"eos_token":null,"image_token":"<img>","a"""
                    + """dd_bos_token":true,"additional_special_tokens":["x"],"extra_special_tokens":{"boi_token":"<boi>"}}"""),
            ("special_tokens_map.json", """{"bos_token":"<X>"}"""));
        Assert.Equal(
            new Dictionary<string, object?>
            { ["bos_token"] = "<X>", ["image_token"] = "<img>", ["boi_token"] = "<boi>", ["unk_token"] = "<unk>" }.OrderBy(pair => pair.Key),
            source.SpecialTokens.OrderBy(pair => pair.Key));
    }

    [Fact]
    public void FromDirectory_NoSuchFolder_Throws() =>
        Assert.Throws<ChatTemplateException>(() => ChatTemplateSource.FromDirectory(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString())));

    [Fact]
    public void FromDirectory_ModelFolder_IsRead()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "tokenizer_config.json"), """{"bos_token":"<s>"}""");
            File.WriteAllText(Path.Combine(folder.FullName, "chat_template.jinja"), "{{ bos_token }}é");
            var source = ChatTemplateSource.FromDirectory(folder.FullName);
            Assert.Equal("<s>é", source.Select().Render(new ChatTemplateInput { SpecialTokens = source.SpecialTokens }).Text);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static ChatTemplateSource Source(params (string Name, string Content)[] files) =>
        ChatTemplateSource.FromFiles(files.ToDictionary(file => file.Name, file => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(file.Content))));
}
