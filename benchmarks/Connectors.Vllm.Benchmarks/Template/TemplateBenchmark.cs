using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm.Benchmarks.Template;

/// <summary>Renders conversations with real templates: time and memory of a render, and of parsing the template.</summary>
internal sealed class TemplateBenchmark : IBenchmark
{
    private const int Rounds = 25;

    public string Name => "template";

    public string Summary =>
        "--template FILE|FOLDER [--messages 6] [--conversation FILE] [--tools]: µs and bytes per render, µs per parse, ms of probing when a model "
            + "is loaded";

    public Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var path = arguments.Required("template");
        var files = Directory.Exists(path) ? Directory.GetFiles(path, "*.jinja").Order(StringComparer.Ordinal).ToArray() : [path];
        var conversation = arguments.Text("conversation") is { } file
            ? File.ReadAllText(file)
            : MakeConversation(arguments.Number("messages", 6), arguments.Flag("tools"));
        using var json = JsonDocument.Parse(conversation);
        var input = MakeInput(json.RootElement);
        PrintFirstProbe(files[0], input);
        WarmUp(files, input);
        foreach (var template in files)
        {
            Console.WriteLine(Measure(template, input, json.RootElement.GetProperty("messages").GetArrayLength()).ToJsonString());
        }

        return Task.FromResult(0);
    }

    /// <summary>What probing costs a process that has compiled nothing yet but one render, which the first request needs in any case.</summary>
    private static void PrintFirstProbe(string file, ChatTemplateInput input)
    {
        var template = ChatTemplate.Parse(File.ReadAllText(file));
        var start = Stopwatch.GetTimestamp();
        try
        {
            template.Render(input);
        }
        catch (ChatTemplateException)
        {
            // Reported when the template is measured; probing sees refusals, too.
        }

        var render = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        Probe(template, input);
        var probe = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        Console.WriteLine(new JsonObject
        {
            ["template"] = Path.GetFileName(file), ["first_render_ms"] = Math.Round(render, 2), ["first_probe_ms"] = Math.Round(probe, 2),
        }.ToJsonString());
    }

    /// <summary>Renders all templates for a while: the first ones measured must not be those that the runtime has not yet compiled well.</summary>
    private static void WarmUp(string[] files, ChatTemplateInput input)
    {
        var templates = Array.ConvertAll(files, file => ChatTemplate.Parse(File.ReadAllText(file)));
        for (var watch = Stopwatch.StartNew(); watch.ElapsedMilliseconds < 2000; Thread.Sleep(5))
        {
            foreach (var template in templates)
            {
                try
                {
                    template.Render(input);
                }
                catch (ChatTemplateException)
                {
                    // A template that refuses the conversation is reported when it is measured.
                }
            }
        }
    }

    /// <summary>A system text, then question and answer in turns; with tools every second answer begins with a call.</summary>
    private static string MakeConversation(int count, bool withTools)
    {
        var messages =
            new JsonArray(new JsonObject { ["role"] = "system", ["content"] = "You are a helpful assistant. Answer in one or two sentences." });
        for (var i = 1; i < count; i++)
        {
            messages.Add(i % 2 == 1
                ? new JsonObject
                {
                    ["role"] = "user",
                    ["content"] = $"Question {i}: how far is the moon from the earth, and why does its distance change during a month?"
                }
                : new JsonObject
                {
                    ["role"] = "assistant",
                    ["content"] =
                        $"Answer {i}: about 384,400 km on average. Its orbit is an ellipse, so it is nearer at perigee and farther away at apogee."
                });
        }

        var root = new JsonObject { ["messages"] = messages, ["add_generation_prompt"] = true };
        if (withTools)
        {
            root["tools"] = JsonNode.Parse(
                """[{"type":"function","function":{"name":"get_weather","description":"The weather of a """
                    + """city","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["cit"""
                    + """y"]}}}]""");
        }

        return root.ToJsonString();
    }

    private static ChatTemplateInput MakeInput(JsonElement root) => new()
    {
        Messages = root.GetProperty("messages"),
        Tools = root.TryGetProperty("tools", out var tools) ? tools : null,
        AddGenerationPrompt = true,
        SpecialTokens = new Dictionary<string, object?>
        { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["pad_token"] = "<pad>", ["unk_token"] = "<unk>" },
    };

    private static JsonObject Measure(string file, ChatTemplateInput input, int messages)
    {
        var result = new JsonObject { ["template"] = Path.GetFileName(file), ["messages"] = messages };
        try
        {
            var source = File.ReadAllText(file);
            var template = ChatTemplate.Parse(source);
            var prompt = template.Render(input);
            result["prompt_chars"] = prompt.Text.Length;
            var times = Times(() => template.Render(input));
            result["render_us_median"] = Math.Round(times[times.Length / 2], 2);
            result["render_us_p90"] = Math.Round(times[times.Length * 9 / 10], 2);
            var before = GC.GetAllocatedBytesForCurrentThread();
            template.Render(input);
            result["render_bytes"] = GC.GetAllocatedBytesForCurrentThread() - before;
            var parses = Times(() => ChatTemplate.Parse(source));
            result["parse_us_median"] = Math.Round(parses[parses.Length / 2], 2);
            var probes = Times(() => Probe(template, input));
            result["probe_ms_median"] = Math.Round(probes[probes.Length / 2] / 1000, 3);
        }
        catch (ChatTemplateException exception)
        {
            result["error"] = exception.Message;
        }

        return result;
    }

    /// <summary>What a load does: the template of requests without tools, and of those with tools.</summary>
    private static void Probe(ChatTemplate template, ChatTemplateInput input)
    {
        var traits = TemplateTraits.Of(template.Source, template.ContentFormat);
        PromptRenderer.Probe(
            template, traits, new ProbeInput(input.SpecialTokens, null, HasTools: false), new ProbeInput(input.SpecialTokens, null, HasTools: true));
    }

    /// <summary>Sorted microseconds per call, each the mean of a batch of about two milliseconds, after warming up.</summary>
    private static double[] Times(Action action)
    {
        // Several rounds with pauses: the runtime compiles hot methods again in the background.
        var batch = 1;
        for (var round = 0; round < 4; round++)
        {
            var warm = Stopwatch.StartNew();
            var calls = 0;
            for (; warm.ElapsedMilliseconds < 100 || calls < 30; calls++)
            {
                action();
            }

            batch = Math.Max(1, (int)(calls * 2.0 / warm.Elapsed.TotalMilliseconds));
            Thread.Sleep(30);
        }

        var times = new double[Rounds];
        for (var i = 0; i < Rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var call = 0; call < batch; call++)
            {
                action();
            }

            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds / batch;
        }

        Array.Sort(times);
        return times;
    }
}
