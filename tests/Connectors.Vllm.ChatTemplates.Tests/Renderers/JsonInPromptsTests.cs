using System.Globalization;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>Arguments are printed as the reference's JSON library prints them: Python's for most families, serde_json's for Kimi K3.</summary>
public class JsonInPromptsTests
{
    [Theory]
    [InlineData("1", "1")]
    [InlineData("-0", "0")]
    [InlineData("1.0", "1.0")]
    [InlineData("-0.0", "-0.0")]
    [InlineData("100.50", "100.5")]
    [InlineData("1e3", "1000.0")]
    [InlineData("1E-4", "0.0001")]
    [InlineData("0.00001", "1e-05")]
    [InlineData("1e15", "1000000000000000.0")]
    [InlineData("1e16", "1e+16")]
    [InlineData("123456789012345678", "123456789012345678")]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890")]
    [InlineData("1.2345678901234568e+22", "1.2345678901234568e+22")]
    [InlineData("5e-324", "5e-324")]
    [InlineData("1e400", "Infinity")]
    [InlineData("NaN", "NaN")]
    [InlineData("[-Infinity, null ,true,false]", "[-Infinity, null, true, false]")]
    [InlineData("{\"b\":1,\"a\":{},\"b\":[]}", "{\"b\": [], \"a\": {}}")]
    [InlineData("\"\\u00e9\\/\\ud83c\\udf0a\\u001f\\u007f\\u2028<\"", "\"é/🌊\\u001f\u007f\u2028<\"")]
    [InlineData("\"\\b\\f\\n\\r\\t\\\\\\\"\"", "\"\\b\\f\\n\\r\\t\\\\\\\"\"")]
    [InlineData("01", null)]
    [InlineData("1.", null)]
    [InlineData("1e", null)]
    [InlineData("+1", null)]
    [InlineData(".5", null)]
    [InlineData("\"a\nb\"", null)]
    [InlineData("\"\\x\"", null)]
    [InlineData("[1,]", null)]
    [InlineData("{\"a\" 1}", null)]
    [InlineData("tru", null)]
    [InlineData("1 2", null)]
    public void Render_ArgumentAsPython_SameText(string json, string? expected) => Assert.Equal(expected, PythonText(json));

    [Theory]
    [InlineData("-0", "-0.0")]
    [InlineData("0.00001", "0.00001")]
    [InlineData("0.000001", "1e-6")]
    [InlineData("1e16", "1e+16")]
    [InlineData("18446744073709551615", "18446744073709551615")]
    [InlineData("18446744073709551616", "1.8446744073709552e+19")]
    [InlineData("-9223372036854775808", "-9223372036854775808")]
    [InlineData("-9223372036854775809", "-9.223372036854776e+18")]
    public void Render_ArgumentAsSerde_SameText(string json, string expected) =>
        Assert.Contains($"type=\"number\"<|sep|>{expected}<|close|>", KimiText($"{{\"x\":{json}}}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("{\"x\":NaN}")]
    [InlineData("{\"x\":1e400}")]
    public void Render_ArgumentsThatSerdeRefuses_TextUnchanged(string json) =>
        Assert.Contains($"<|open|>json type=\"object\"<|sep|>{json}<|close|>json<|sep|>", KimiText(json), StringComparison.Ordinal);

    [Fact]
    public void Render_KeysToSort_ByCodePoint()
    {
        var tool =
            JsonDocument.Parse("""[{"type":"function","function":{"name":"f","parameters":{"\uff5e":1,"\ud83c\udf0a":2,"a":3,"aa":4,"":5}}}]""");
        var text = TestRenderers.Create("kimi_k3").Render(Call("{}", tool)).Text;
        Assert.Contains("{\"\":5,\"a\":3,\"aa\":4,\"～\":1,\"🌊\":2}", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_AnyDouble_ReadsBackEqual() => Prop.ForAll(ArbMap.Default.ArbFor<NormalFloat>(), number =>
    {
        var text = PythonText(number.Get.ToString("R", CultureInfo.InvariantCulture))!;
        Assert.Equal(number.Get, double.Parse(text, CultureInfo.InvariantCulture));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Render_ManyKeys_LastValueAtFirstPlace()
    {
        var json = "{" + string.Join(",", Enumerable.Range(0, 60).Select(i => $"\"k{i % 40}\":{i}")) + "}";
        var expected = "{" + string.Join(", ", Enumerable.Range(0, 40).Select(i => $"\"k{i}\": {(i < 20 ? i + 40 : i)}")) + "}";
        Assert.Equal(expected, PythonText(json));
    }

    [Fact]
    public void Render_ArgumentsNestedWithoutEnd_NoArguments() => Assert.Null(PythonText(new string('[', 100_000)));

    /// <summary>What a Mistral prompt shows for an argument; null when the arguments count as none.</summary>
    private static string? PythonText(string json)
    {
        var text = TestRenderers.Create("mistral", "v13").Render(Call($"{{\"x\":{json}}}")).Text;
        const string Mark = "[ARGS]";
        var arguments = text[(text.IndexOf(Mark, StringComparison.Ordinal) + Mark.Length)..text.LastIndexOf("</s>", StringComparison.Ordinal)];
        return arguments == "{}" ? null : arguments["{\"x\": ".Length..^1];
    }

    private static string KimiText(string arguments) => TestRenderers.Create("kimi_k3").Render(Call(arguments)).Text;

    private static ChatTemplateInput Call(string arguments, JsonDocument? tools = null) => new()
    {
        Tools = tools,
        Messages = new object[]
        {
            new Dictionary<string, object?> { ["role"] = "user", ["content"] = "q" },
            new Dictionary<string, object?>
            {
                ["role"] = "assistant",
                ["tool_calls"] = new[]
                {
                    new Dictionary<string, object?>
                        { ["id"] = "call00001", ["function"] = new Dictionary<string, object?> { ["name"] = "f", ["arguments"] = arguments } },
                },
            },
            new Dictionary<string, object?> { ["role"] = "tool", ["tool_call_id"] = "call00001", ["content"] = "r" },
        },
    };
}
