using System.ClientModel;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Tool.Bench;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;
using OpenAI;

namespace Connectors.Vllm.Tool.Commands;

/// <summary><c>bench</c>: load on a server, over gRPC and, side by side, over HTTP.</summary>
internal static class BenchCommand
{
    private const string Examples = """
        Examples:
          vllm-grpc bench --endpoint http://gpu-box:50051 --request-rate 1,2,4,8 --plot latency.svg
          vllm-grpc bench --endpoint http://gpu-box:50051 --http http://gpu-box:8000/v1 --max-concurrency 64 --goodput ttft:200 tpot:50
        """;

    // Long, because it is one list: each option is declared once, and what it becomes stands below.
    public static Command Create()
    {
        var connection = new ConnectionArguments(demonstration: true);
        var model = new Option<string?>("--model") { Description = "The model's served name. Default: the model of the gRPC server." };
        var count = new Option<int>("--num-prompts") { Description = "Requests per load.", DefaultValueFactory = _ => 100 };
        var rates = new Option<string>("--request-rate")
        {
            Description = "The arrivals per second (Poisson); several, separated by commas, are run in turn; inf sends all at once.",
            DefaultValueFactory = _ => "inf"
        };
        var concurrency = new Option<int?>("--max-concurrency") { Description = "The maximum number of concurrent requests." };
        var burstiness = new Option<double>("--burstiness")
        { Description = "The burstiness of arrivals: 1 is Poisson, smaller is burstier, larger more even.", DefaultValueFactory = _ => 1 };
        var input = new Option<int>("--random-input-len") { Description = "The number of tokens of each prompt.", DefaultValueFactory = _ => 256 };
        var output = new Option<int>("--random-output-len") { Description = "The number of tokens of each answer.", DefaultValueFactory = _ => 128 };
        var range = new Option<double>("--random-range-ratio")
            { Description = "The variation of the lengths, from 0 to 1.", DefaultValueFactory = _ => 0 };
        var prefix = new Option<int>("--random-prefix-len")
        { Description = "The number of tokens that all prompts have in common at their beginning.", DefaultValueFactory = _ => 0 };
        var dataset = new Option<string?>("--dataset")
            { Description = "A JSON Lines file with prompt and output_tokens, instead of random prompts." };
        var goodput = new Option<string[]>("--goodput")
        {
            Description = "The limits in milliseconds that a request must meet to count as good: ttft:200 tpot:50 e2el:5000.",
            AllowMultipleArgumentsPerToken = true
        };
        var http = new Option<Uri?>("--http")
        {
            Description = "An OpenAI-compatible server to put under the same load, for example http://gpu-box:8000/v1.",
            CustomParser = ConnectionArguments.ReadHttpAddress,
        };
        var seed = new Option<int>("--seed") { Description = "The seed for prompts and arrivals.", DefaultValueFactory = _ => 0 };
        var plot = new Option<string?>("--plot") { Description = "An SVG file for a plot of latency over load." };
        var json = new Option<bool>("--json") { Description = "Write the results as JSON to standard output." };
        var command = new Command("bench", "Puts load on a server and measures latency and throughput, as 'vllm bench serve' does.\n\n" + Examples)
        {
            model, count, rates, concurrency, burstiness, input, output, range, prefix, dataset, goodput, http, seed, plot, json,
        };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var settings = new BenchSettings
            {
                NumPrompts = ToolException.AtLeast(1, parsed.GetValue(count), "--num-prompts"),
                RequestRates = ParseRates(parsed.GetValue(rates)!),
                MaxConcurrency = parsed.GetValue(concurrency) is { } most ? ToolException.AtLeast(1, most, "--max-concurrency") : null,
                Burstiness = parsed.GetValue(burstiness) is > 0 and var shape ? shape : throw new ToolException("--burstiness must be above 0."),
                InputLength = ToolException.AtLeast(1, parsed.GetValue(input), "--random-input-len"),
                OutputLength = ToolException.AtLeast(1, parsed.GetValue(output), "--random-output-len"),
                RangeRatio = parsed.GetValue(range) is >= 0 and <= 1 and var ratio
                    ? ratio
                    : throw new ToolException("--random-range-ratio must be from 0 to 1."),
                PrefixLength = ToolException.AtLeast(0, parsed.GetValue(prefix), "--random-prefix-len"),
                Goodput = ParseLimits(parsed.GetValue(goodput) ?? []),
                Seed = parsed.GetValue(seed),
            };
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            var profile = await open.Client.GetModelProfileAsync(cancellationToken).ConfigureAwait(false);
            var name = parsed.GetValue(model) ?? profile.ModelId;
            var prompts = parsed.GetValue(dataset) is { } file
                ? BenchWorkload.FromFile(file, settings)
                : BenchWorkload.Random(settings, profile.Tokenizer);

            var clients = new List<(string Name, IChatClient Client, ChatOptions Options)>
            {
                ("gRPC", open.Chat, new ChatOptions { Temperature = 0, AdditionalProperties = new() { ["ignore_eos"] = true } }),
            };
            if (parsed.GetValue(http) is { } address)
            {
                var openAI = new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = address }).GetChatClient(name)
                    .AsIChatClient();
                clients.Add(("HTTP", openAI, new ChatOptions { Temperature = 0 }));
            }

            var results = await MeasureAsync(clients, settings, prompts, cancellationToken).ConfigureAwait(false);
            Show(results, settings, parsed.GetValue(json), parsed.GetValue(plot));
            return results.Any(static item => item.Result.Completed == 0) ? ExitCode.Failure : ExitCode.Success;
        });
        return command;
    }

    private static async Task<List<(string Client, BenchResult Result)>> MeasureAsync(
        List<(string Name, IChatClient Client, ChatOptions Options)> clients, BenchSettings settings, List<BenchPrompt> prompts,
        CancellationToken cancellationToken)
    {
        var results = new List<(string, BenchResult)>();
        foreach (var (client, chat, options) in clients)
        {
            // Connections, code and the model's files are warm before the first request is timed.
            var run = new BenchRun(chat, settings, options);
            await run.RunAsync(double.PositiveInfinity, [prompts[0]], null, cancellationToken).ConfigureAwait(false);
            foreach (var rate in settings.RequestRates)
            {
                results.Add((client, await run.RunAsync(rate, prompts, null, cancellationToken).ConfigureAwait(false)));
            }
        }

        return results;
    }

    private static void Show(List<(string Client, BenchResult Result)> results, BenchSettings settings, bool json, string? plot)
    {
        if (json)
        {
            using var output = StandardOutput.Open();
            using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
            writer.WriteStartArray();
            results.ForEach(item => item.Result.WriteTo(writer, item.Client, settings.Goodput));
            writer.WriteEndArray();
        }
        else
        {
            BenchReport.Print(Spectre.Console.AnsiConsole.Console, results, settings.Goodput);
        }

        if (plot is not null)
        {
            BenchReport.Draw(plot, results);
        }
    }

    private static List<double> ParseRates(string text) =>
        [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static part =>
        part == "inf" ? double.PositiveInfinity
        : double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && rate > 0 ? rate
        : throw new ToolException($"--request-rate {part}: expected a number above 0, or inf."))];

    private static Dictionary<string, double> ParseLimits(string[] limits) => limits.Select(static limit =>
        limit.Split(':') is [("ttft" or "tpot" or "e2el") and var name, var value]
            && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var milliseconds)
            ? KeyValuePair.Create(name, milliseconds)
            : throw new ToolException($"--goodput {limit}: expected ttft, tpot or e2el with milliseconds, for example ttft:200.")).ToDictionary();
}
