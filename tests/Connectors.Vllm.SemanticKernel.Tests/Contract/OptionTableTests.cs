using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel.Tests.Contract;

/// <summary>
/// Every row of the table of vLLM's parameters is an execution setting under the same name: a new row is one line here and no line in the adapter.
/// </summary>
public sealed class OptionTableTests
{
    private static readonly Dictionary<string, string> Samples = new()
    {
        ["min_p"] = "0.25", ["repetition_penalty"] = "1.5", ["min_tokens"] = "2", ["ignore_eos"] = "true", ["stop_token_ids"] = "[5, 6]",
        ["logprobs"] = "3", ["prompt_logprobs"] = "1", ["logit_bias"] = """{ "9": -1.5 }""",
        ["allowed_token_ids"] = "[40, 41]", ["logprob_token_ids"] = "[40]", ["grpc_metadata"] = """{ "x-a": "b" }""",
        ["n"] = "2", ["json"] = """{ "type": "object" }""", ["json_object"] = "true",
        ["regex"] = "\"[a-z]+\"", ["grammar"] = "\"root ::= x\"", ["choice"] = """["yes", "no"]""", ["structural_tag"] = """{ "structures": [] }""",
        ["bound_json_whitespace"] = "false", ["structured_outputs"] = """{ "regex": "[a-z]+" }""", ["chat_template"] = "\"{{ messages }}\"",
        ["chat_template_kwargs"] = """{ "enable_thinking": false }""", ["continue_final_message"] = "true",
        ["documents"] = """[{ "text": "a" }]""", ["reasoning_effort"] = "\"low\"", ["priority"] = "-4", ["lora_name"] = "\"mine\"",
        ["cache_salt"] = "\"salt\"", ["session_id"] = "\"s\"", ["bypass_prefix_cache"] = "true", ["watermarking"] = "false",
        ["data_parallel_rank"] = "1", ["truncate_prompt_tokens"] = "9", ["kv_transfer_params"] = """{ "a": true }""",
        ["kv_hints"] = """{ "message_id": "m" }""",
        ["request_id"] = "\"r\"", ["return_token_ids"] = "true", ["allow_control_tokens_in_content"] = "true",
        ["tool_call_parser"] = "\"hermes\"", ["reasoning_parser"] = "\"qwen3\"",
    };

    [Fact]
    public void Rows_Each_HaveASample() =>
        Assert.Equal(VllmOptions.All.Select(row => row.Name).Order(StringComparer.Ordinal), Samples.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Names))]
    public void Setting_OfARow_IsTheParameterOfThatName(string name)
    {
        var settings = JsonSerializer.Deserialize<PromptExecutionSettings>($$"""{ "{{name}}": {{Samples[name]}} }""")!;

        var options = SettingsMapper.ToChatOptions(settings)!;

        var expected = new AdditionalPropertiesDictionary { [name] = JsonElement.Parse(Samples[name]) };
        Assert.Equal(Json(VllmExtras.Read(expected)), Json(VllmExtras.Read(options.AdditionalProperties)));
        Assert.NotEqual(Json(VllmExtras.None), Json(VllmExtras.Read(options.AdditionalProperties)));
    }

    public static TheoryData<string> Names => [.. Samples.Keys];

    private static string Json(VllmExtras extras) => JsonSerializer.Serialize(extras.Values.ToDictionary(pair => pair.Option.Name, pair => pair.Value));
}
