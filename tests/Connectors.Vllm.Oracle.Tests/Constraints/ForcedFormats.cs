global using Calls = System.Collections.Generic.IReadOnlyList<(string Name, System.Text.Json.Nodes.JsonObject Arguments)>;

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Constraints;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Tests;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>
/// How every format with a tag of its own writes forced calls. Most write them as their profile in the parsers' tests says; the others are here, in
/// the one spelling (spaces, lines, markers before) that their tag asks for.
/// </summary>
internal static class ForcedFormats
{
    private static readonly Dictionary<string, Func<Calls, string>> Spellings = new()
    {
        ["mimo"] = calls =>
            Join(calls, "\n",
                (name, args) => $"<tool_call><function={name}>{Elements(args, "<parameter=", ">", "</parameter>")}</function></tool_call>"),
        ["minimax_m2"] = calls => "\n" + Profile("minimax_m2").Render(calls),
        ["step3"] = calls => Join(calls, "", (name, args) => $"<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"{name}\">"
            + $"{Elements(args, "<steptml:parameter name=\"", "\">", "</steptml:parameter>")}</steptml:invoke><｜tool_call_end｜>",
            "<｜tool_calls_begin｜>", "<｜tool_calls_end｜>"),
        ["openai"] = calls => Profile("openai").Render(calls).Replace("<|call|>", ""),
        ["muse_glimmer"] = calls => Profile("muse_glimmer").Render(calls).Replace("to=functions<", $"to={calls[0].Name}<"),
        ["k2_horizon"] = calls => Join(calls, "", (name, args) =>
            $"<ifm|tool_call>{name}\n{Elements(args, "<ifm|arg_key>", "</ifm|arg_key><ifm|arg_value>", "</ifm|arg_value>")}</ifm|tool_call>",
            "<ifm|tool_calls>", "</ifm|tool_calls>"),
        ["kimi_k3"] = calls => "<|open|>response<|sep|><|close|>response<|sep|>" + Profile("kimi_k3").Render(calls),
        ["longcat"] = calls => Join(calls, "\n", (name, args) => $"<longcat_tool_call>\n{Json(name, "arguments", args)}\n</longcat_tool_call>"),
        ["mistral"] = calls => Join(calls, "", (name, args) => $"[TOOL_CALLS]{name}[ARGS]{args.ToJsonString(Relaxed)}"),
        ["xlam"] = calls => Join(calls, ", ", (name, args) => Json(name, "arguments", args), "[", "]"),
        ["granite"] = calls => Join(calls, ", ", (name, args) => Json(name, "arguments", args), "<tool_call>[", "]"),
        ["phi4_mini_json"] = calls => Join(calls, ", ", (name, args) => Json(name, "arguments", args), "functools[", "]"),
        ["jamba"] = calls => Join(calls, ", ", (name, args) => Json(name, "arguments", args), "<tool_calls>[", "]</tool_calls>"),
        ["hunyuan_a13b"] = calls => Join(calls, ", ", (name, args) => Json(name, "arguments", args), "<tool_calls>[", "]</tool_calls>"),
        ["nemotron_nano_v2"] = calls => Join(calls, ", ", (name, args) => Json(name, "arguments", args), "<TOOLCALL>[", "]</TOOLCALL>"),
        ["apertus"] = calls =>
            Join(calls, ", ", (name, args) => $"{{\"{name}\": {args.ToJsonString(Relaxed)}}}", "<|tools_prefix|>[", "]<|tools_suffix|>"),
        ["cohere_command3"] = calls => Join(calls, ",\n    ", (name, args) =>
            $"{{\"tool_call_id\": \"0\", \"tool_name\": \"{name}\", \"parameters\": {args.ToJsonString(Relaxed)}}}", "<|START_ACTION|>[\n    ",
            "\n]<|END_ACTION|>"),
        ["minimax_m3"] = calls =>
            Join(calls, "", (name, args) => $"]<]minimax[>[<invoke name=\"{name}\">{Nested(args)}]<]minimax[>[</invoke>", "]<]minimax[>[<tool_call>",
                "]<]minimax[>[</tool_call>"),
        ["inkling"] = calls => Join(calls, "<|message_model|>", (name, args) =>
            $"{name}<|content_invoke_tool_json|>{{\"name\":\"{name}\",\"args\":{args.ToJsonString(Relaxed)}}}<|end_message|>"),
    };

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The profiles of all formats with a tag; forced calls are written as the tag asks.</summary>
    public static IReadOnlyList<FormatProfile> All { get; } =
    [
        .. FormatProfiles.All.DistinctBy(profile => profile.Tools)
            .Where(profile => FormatGrammar.Of(Format(profile)) is not null)
            .Select(profile => profile with
            {
                Render = Spellings.GetValueOrDefault(profile.Tools) is { } spelling ? calls => spelling(calls) : profile.Render,
                Think = thought => First(profile.Think(thought)).TrimEnd('\n') + AfterThought(profile.Reasoning),
                Say = text => First(profile.Say(text)).Replace("<|start|>assistant", "", StringComparison.Ordinal),
                OneCall = profile.OneCall || profile.Tools is "openai" or "muse_glimmer" or "internlm" or "gigachat3",
            }),
    ];

    /// <summary>The format of a profile, in a vocabulary where every marker that decides a variant is a token.</summary>
    public static OutputFormat Format(FormatProfile profile) =>
        OutputFormat.FromNames(profile.Tools, profile.Reasoning, text => text == "[ARGS]" ? 1_000_000 : null);

    // The prompt has begun the model's first block.
    private static string First(string block) => block.StartsWith("<|message_model|>", StringComparison.Ordinal)
        ? block["<|message_model|>".Length..]
        : block;

    private static string AfterThought(string reasoning) => reasoning switch
    {
        "qwen3" or "mimo" or "minimax_m2" => "\n\n",
        "glm45" => "\n",
        "inkling" => "<|message_model|>",
        _ => "",
    };

    private static FormatProfile Profile(string tools) => FormatProfiles.All.First(profile => profile.Tools == tools);

    private static string Join(Calls calls, string separator, Func<string, JsonObject, string> one, string open = "", string close = "") =>
        open + string.Join(separator, calls.Select(call => one(call.Name, call.Arguments))) + close;

    private static string Json(string name, string key, JsonObject arguments) =>
        $"{{\"name\": \"{name}\", \"{key}\": {arguments.ToJsonString(Relaxed)}}}";

    private static string Nested(JsonNode? value) => value switch
    {
        JsonObject map => string.Concat(map.Select(pair => $"]<]minimax[>[<{pair.Key}>{Nested(pair.Value)}]<]minimax[>[</{pair.Key}>")),
        JsonArray list => string.Concat(list.Select(item => $"]<]minimax[>[<item>{Nested(item)}]<]minimax[>[</item>")),
        JsonValue plain when plain.TryGetValue<string>(out var raw) => raw,
        _ => FormatProfile.Json(value),
    };

    private static string Elements(JsonObject arguments, string open, string between, string close)
    {
        var text = new StringBuilder();
        foreach (var (key, value) in arguments)
        {
            text.Append(open).Append(key).Append(between)
                .Append(value is JsonValue plain && plain.TryGetValue<string>(out var raw) ? raw : FormatProfile.Json(value)).Append(close);
        }

        return text.ToString();
    }
}
