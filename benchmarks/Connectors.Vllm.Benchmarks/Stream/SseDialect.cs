using System.Text;
using System.Text.Json;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>The scripted answer as the server-sent events of vLLM's OpenAI-style chat completions, with the fields vLLM fills.</summary>
internal static class SseDialect
{
    public static byte[][] Encode(StreamScript script, int tokensPerMessage)
    {
        List<byte[]> events = [Event("""{"role":"assistant","content":""}""", null)];
        var inside = script.Shape == StreamShape.Thinking;
        var called = false;
        foreach (var block in script.Pieces.Chunk(tokensPerMessage))
        {
            var text = string.Concat(block);
            events.Add(Event(Delta(script.Shape, text, ref inside, ref called), null));
        }

        events.Add(Event("{}", script.Shape == StreamShape.Tool ? "tool_calls" : "stop"));
        events.Add(Encoding.UTF8.GetBytes(
            $$$"""data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":1790000000,"model":"bench","choices":[],"usage":{"prompt_tokens":32,"total_tokens":{{{32 + script.Ids.Length}}},"completion_tokens":{{{script.Ids.Length}}}}}""" + "\n\n"));
        events.Add("data: [DONE]\n\n"u8.ToArray());
        return [.. events];
    }

    private static string Delta(StreamShape shape, string text, ref bool inside, ref bool called)
    {
        if (shape == StreamShape.Tool)
        {
            // The call's name comes once; what follows are pieces of its arguments.
            if (!called)
            {
                called = true;
                return """{"tool_calls":[{"index":0,"id":"chatcmpl-tool-0","type":"function","function":{"name":"save_note","arguments":""}}]}""";
            }

            return $$$"""{"tool_calls":[{"index":0,"function":{"arguments":{{{Json(text)}}}}}]}""";
        }

        var field = inside ? "reasoning" : "content";
        inside &= !text.Contains("</think>", StringComparison.Ordinal);
        return $$"""{"{{field}}":{{Json(text)}}}""";
    }

    private static byte[] Event(string delta, string? finish) => Encoding.UTF8.GetBytes(
        $$"""data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":1790000000,"model":"bench","choices":[{"index":0,"delt"""
            + $$"""a":{{delta}},"logprobs":null,"finish_reason":{{(finish is null ? "null" : Json(finish))}},"token_ids":null}]}""" + "\n\n");

    private static string Json(string text) => "\"" + JsonEncodedText.Encode(text) + "\"";
}
