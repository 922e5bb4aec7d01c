using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Tests;

public sealed class BatchRequestsTests
{
    private static readonly BatchRequests Requests = new(new ChatOptions { MaxOutputTokens = 7 }, "Be brief.");

    [Fact]
    public void Read_OpenAIBatchLine_MapsMessagesAndOptions()
    {
        var (request, customId) = Read("""
            {"custom_id":"q1","method":"POST","url":"/v1/chat/completions","body":{"model":"m","temperature":0.5,"max_completion_tokens":9,"stop":"X","seed":3,"min_p":0.1,
            "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"}}},"tool_choice":{"type":"function","function":{"name":"f"}},
            "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],
            "messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
            {"role":"tool","tool_call_id":"c","content":"ok"}]}}
            """);

        Assert.Equal("q1", customId);
        Assert.Equal(["system", "user", "assistant", "tool"], request.Messages.Select(static message => message.Role.Value));
        Assert.IsType<DataContent>(request.Messages[1].Contents[1]);
        var call = Assert.IsType<FunctionCallContent>(Assert.Single(request.Messages[2].Contents));
        Assert.Equal(("c", "f"), (call.CallId, call.Name));
        Assert.Equal("ok", Assert.IsType<FunctionResultContent>(Assert.Single(request.Messages[3].Contents)).Result);
        var options = request.Options!;
        Assert.Equal(("m", 0.5f, 9, 3L), (options.ModelId, options.Temperature, options.MaxOutputTokens, options.Seed));
        Assert.Equal(["X"], options.StopSequences);
        Assert.Equal("f", Assert.IsType<RequiredChatToolMode>(options.ToolMode).RequiredFunctionName);
        Assert.Equal("s", Assert.IsType<ChatResponseFormatJson>(options.ResponseFormat).SchemaName);
        Assert.Equal(0.1, ((JsonElement)options.AdditionalProperties!["min_p"]!).GetDouble());
    }

    [Fact]
    public void Read_Prompt_IsAQuestionWithTheDefaults()
    {
        var (request, customId) = Read("""{"prompt":"Hi"}""");
        Assert.Null(customId);
        Assert.Equal(["Be brief.", "Hi"], request.Messages.Select(static message => message.Text));
        Assert.Equal(7, request.Options!.MaxOutputTokens);
    }

    [Fact]
    public void Read_CompletionBody_IsARawCompletion()
    {
        var (request, _) = Read("""{"custom_id":1,"url":"/v1/completions","body":{"model":"m","prompt":"Once"}}""");
        Assert.IsType<CompletionOptions>(request.Options);
        Assert.IsType<CompletionOptions>(request.Options.Clone());
        Assert.Equal("Once", Assert.Single(request.Messages).Text);
    }

    [Theory]
    [InlineData("{", "not JSON")]
    [InlineData("[1]", "not an object")]
    [InlineData("""{"messages":[]}""", "at least one message")]
    [InlineData("""{"messages":[{"content":"x"}]}""", "messages[0] has no 'role'")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}""", "'temperature'")]
    [InlineData("""{"url":"/v1/embeddings","body":{"input":"x"}}""", "embed")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tool_choice":"maybe"}""", "maybe")]
    public void Read_BadLine_SaysWhatIsWrong(string text, string expected)
    {
        var exception = Assert.Throws<FormatException>(() => Read(text));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    private static (ChatBatchRequest Request, string? CustomId) Read(string text) =>
        Requests.Read(new BatchLine(0, 1, text.ReplaceLineEndings(""), IsPrompt: false));
}
