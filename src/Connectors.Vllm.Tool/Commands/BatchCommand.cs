using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Connectors.Vllm.Tool.Batch;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Commands;

/// <summary><c>batch</c>: many prompts from a file; and <c>batch merge</c>.</summary>
internal static class BatchCommand
{
    private const string Examples = """
        Examples:
          vllm-grpc batch prompts.jsonl --endpoint http://gpu-box:50051 --output answers.jsonl
          vllm-grpc batch reviews.csv --template "Is this review friendly? {{text}}" --schema verdict.json --output verdicts.jsonl
          vllm-grpc batch prompts.jsonl --shard 3/16 --output part-03.jsonl
          vllm-grpc batch merge part-*.jsonl --output answers.jsonl
        """;

    // Long, because it is one list: each option is declared once, and what it becomes stands below.
    public static Command Create()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var sampling = new SamplingArguments();
        var input = new Argument<string?>("input")
        {
            Description =
                "JSON Lines (OpenAI's batch format, {\"messages\": …} or {\"prompt\": …}) or CSV with --template; - or no file reads standard input.",
            Arity = ArgumentArity.ZeroOrOne
        };
        var output = new Option<string?>("--output", "-o")
        {
            Description =
                "The file for results. It is written as results arrive, and the same command continues where it stopped. Default: standard output, "
                    + "which cannot be resumed."
        };
        var errors = new Option<string?>("--errors") { Description = "The file for failed requests. Default: OUTPUT.errors.jsonl." };
        var template = new Option<string?>("--template")
        { Description = "The prompt for each row of a CSV file, in which {{column}} is replaced by the row's value; @FILE reads it from a file." };
        var parallel = new Option<string>("--parallel")
        {
            Description = "The number of concurrent requests, or auto to adapt it to throughput and the server's queue.",
            DefaultValueFactory = _ => "auto"
        };
        var rate = new Option<double?>("--rate") { Description = "The maximum number of requests started per second." };
        var order = new Option<string>("--order")
            { Description = "The order of the results: input or completed.", DefaultValueFactory = _ => "input" };
        order.AcceptOnlyFromAmong("input", "completed");
        var shard = new Option<string?>("--shard") { Description = "Process only this part of the input, for example 3/16; see 'batch merge'." };
        var restart = new Option<bool>("--restart") { Description = "Start over, ignoring the results of an earlier run." };
        var retryFailed = new Option<bool>("--retry-failed") { Description = "When continuing, retry the requests that failed." };
        var attempts = new Option<int>("--attempts") { Description = "The maximum number of attempts per request.", DefaultValueFactory = _ => 5 };
        var outage = new Option<double>("--max-outage")
            { Description = "The number of minutes to wait for a server that is unreachable.", DefaultValueFactory = _ => 10 };
        var window = new Option<int>("--prefix-window")
        {
            Description = "The number of requests that are read ahead and sent in the order of their text, for the server's prefix cache; 1 "
                + "keeps the input order.",
            DefaultValueFactory = _ => 1024
        };
        var json = new Option<bool>("--json") { Description = "Write progress and summary as JSON lines to standard error." };
        var command = new Command("batch", "Runs a file of prompts, continuing where an earlier run stopped.\n\n" + Examples)
        {
            input, output, errors, template, parallel, rate, order, shard, restart, retryFailed, attempts, outage, window, json, Merge(),
        };
        connection.AddTo(command);
        sampling.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var part = parsed.GetValue(shard) is { } text ? Shard.TryParse(text)
                ?? throw new ToolException($"--shard {text}: expected a part such as 3/16, from 1/16 to 16/16.") : Shard.All;
            var system = sampling.System(parsed);
            var csv = parsed.GetValue(template) is { } source ? SamplingArguments.ReadText(source, "--template") : null;
            if (csv is null && parsed.GetValue(input)?.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) == true)
            {
                throw new ToolException(
                    $"{parsed.GetValue(input)} needs --template, a prompt with the names of its columns, such as \"Summarize: {{{{text}}}}\".");
            }

            var settings = new BatchSettings
            {
                Input = parsed.GetValue(input),
                Output = parsed.GetValue(output),
                Errors = parsed.GetValue(errors),
                Csv = csv is null ? null : PromptTemplate.Parse(csv),
                System = system,
                Defaults = sampling.Read(parsed),
                Fingerprint = FingerprintOf(
                    parsed, [.. command.Options.Where(option => !Harmless.Contains(option.Name)).Select(static option => option.Name)], system, csv),
                Shard = part,
                InOrder = parsed.GetValue(order) == "input",
                Restart = parsed.GetValue(restart),
                RetryFailed = parsed.GetValue(retryFailed),
                Run = new ChatBatchOptions
                {
                    Parallelism = ParseParallel(parsed.GetValue(parallel)!),
                    RequestsPerSecond = parsed.GetValue(rate) is not { } perSecond ? null
                        : perSecond > 0 ? perSecond
                        : throw new ToolException(FormattableString.Invariant($"--rate {perSecond}: a number above 0 is expected.")),
                    MaxAttempts = ToolException.AtLeast(1, parsed.GetValue(attempts), "--attempts"),
                    MaxOutage = ToolException.Minutes(parsed.GetValue(outage), "--max-outage"),
                    PrefixWindow = ToolException.AtLeast(1, parsed.GetValue(window), "--prefix-window"),
                },
            };
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            return await RunAsync(open, settings, parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    /// <summary>The options that may change when a run is resumed, because they do not affect the results.</summary>
    private static HashSet<string> Harmless { get; } = new(StringComparer.Ordinal)
    {
        "--endpoint", "--token", "--output", "--errors", "--parallel", "--rate", "--order", "--restart", "--retry-failed", "--attempts",
        "--max-outage", "--prefix-window", "--json",
        "--system", "--template",
    };

    private static Command Merge()
    {
        var files = new Argument<string[]>("files") { Description = "The outputs of the shards.", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string?>("--output", "-o") { Description = "The merged file; default: standard output." };
        var json = new Option<bool>("--json") { Description = "The number of rows, and of requests without one, as JSON on standard error." };
        var command = new Command("merge", "Merges the outputs of several shards into one ordered file.") { files, output, json };
        command.SetAction(parsed =>
        {
            var inputs = parsed.GetValue(files)!;
            var (rows, missing) = parsed.GetValue(output) is { } target ? BatchMerge.Run(inputs, target) : MergeToOutput(inputs);
            if (parsed.GetValue(json))
            {
                JsonLine.Write(Console.Error, writer =>
                {
                    writer.WriteNumber("rows", rows);
                    writer.WriteNumber("missing", missing);
                });
            }
            else
            {
                Console.Error.WriteLine(missing == 0 ? $"{rows} rows" : $"{rows} rows; {missing} requests before the last have none (they failed, or "
                    + "a shard is not among the files)");
            }

            return missing == 0 ? ExitCode.Success : ExitCode.Partial;
        });
        return command;
    }

    private static (long Rows, long Missing) MergeToOutput(string[] inputs)
    {
        using var writer = new StreamWriter(StandardOutput.Open());
        return BatchMerge.Run(inputs, writer);
    }

    private static async Task<int> RunAsync(Connection connection, BatchSettings settings, bool json, CancellationToken cancellationToken)
    {
        // The first Ctrl+C lets running requests finish, the second aborts them.
        using var stopStarting = new CancellationTokenSource();
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        void OnInterrupt(object? sender, ConsoleCancelEventArgs pressed)
        {
            pressed.Cancel = true;
            if (stopStarting.IsCancellationRequested)
            {
                abort.Cancel();
                return;
            }

            Console.Error.WriteLine("Finishing the running requests; press Ctrl+C again to abort them.");
            stopStarting.Cancel();
        }

        Console.CancelKeyPress += OnInterrupt;
        try
        {
            using var display = new BatchDisplay(json, BatchLines.Count(settings));
            using var program = new BatchProgram(connection.Chat, settings, display.Show);
            var summary = await program.RunAsync(stopStarting.Token, abort.Token).ConfigureAwait(false);
            display.Complete(summary);
            return !summary.Complete ? ExitCode.Cancelled : summary.Failed > 0 ? ExitCode.Partial : ExitCode.Success;
        }
        finally
        {
            Console.CancelKeyPress -= OnInterrupt;
        }
    }

    private static int? ParseParallel(string text) => text == "auto" ? null
        : int.TryParse(text, out var number) && number >= 1 ? number
        : throw new ToolException($"--parallel {text}: expected a number of at least 1, or auto.");

    private static string FingerprintOf(ParseResult parsed, IReadOnlyList<string> names, string? system, string? template)
    {
        var text = new StringBuilder(system).Append('\0').Append(template).Append('\0');
        foreach (var option in parsed.CommandResult.Children.OfType<System.CommandLine.Parsing.OptionResult>()
            .Where(option => names.Contains(option.Option.Name)).OrderBy(static option => option.Option.Name, StringComparer.Ordinal))
        {
            text.Append(option.Option.Name);
            foreach (var token in option.Tokens)
            {
                // Files are compared by their content.
                text.Append('=')
                    .Append(File.Exists(token.Value) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(token.Value))) : token.Value);
            }

            text.Append('\0');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }
}
