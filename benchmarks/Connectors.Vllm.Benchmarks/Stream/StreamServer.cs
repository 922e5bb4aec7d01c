using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Tokenizers;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>
/// <c>stream-server</c>: the other side of <c>stream</c>, in a process of its own. It speaks both dialects from one script, encoded before the
/// measured calls, so that what is measured is the client. It prints its two ports and ends when its standard input closes.
/// </summary>
internal sealed class StreamServer : IBenchmark
{
    private const string Service = "/vllm.grpc.engine.VllmEngine/";

    private readonly SendLog _log = new();

    public string Name => "stream-server";

    public string Summary =>
        "(started by stream) --model-dir DIR --shape text|thinking|tool --tokens N --tokens-per-message N --rate TOKENS_PER_SECOND";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var tokenizer = VllmTokenizer.FromDirectory(arguments.Required("model-dir"));
        var script =
            StreamScript.Create(tokenizer, Enum.Parse<StreamShape>(arguments.Required("shape"), ignoreCase: true), arguments.Number("tokens", 256));
        var tokensPerMessage = arguments.Number("tokens-per-message", 1);
        var rate = arguments.Number("rate", 0);
        var interval = rate == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)tokensPerMessage / rate);

        // The streams of a run have prompts of one length, or of a few: each length is encoded once, in the warm-up.
        ConcurrentDictionary<int, byte[][]> grpc = [];
        var sse = SseDialect.Encode(script, tokensPerMessage);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.Http2.MaxStreamsPerConnection = 4096;
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        await using var application = builder.Build();
        application.MapPost(Service + "Generate", async context =>
        {
            var body = await ReadAsync(context);
            var request = GenerateRequest.Parser.ParseFrom(body, 5, body.Length - 5);
            var frames = grpc.GetOrAdd(request.Tokenized.InputIds.Count, count => GrpcDialect.Encode(script, tokensPerMessage, count));
            await AnswerAsync(context, frames, _log.Begin(NumberIn(request, tokenizer), frames.Length), interval);
        });
        application.MapPost(Service + "Abort", context => AnswerAsync(context, new AbortResponse()));
        application.MapPost(Service + "HealthCheck", context => AnswerAsync(context, new HealthCheckResponse { Healthy = true, Message = "Health" }));
        application.MapPost(Service + "GetServerInfo",
            context => AnswerAsync(context, new GetServerInfoResponse { DataParallelSize = 1, ConstrainedDecodingStart = "first_token" }));
        application.MapPost(Service + "GetModelInfo", context => AnswerAsync(context, ModelInfo(tokenizer)));
        application.MapPost("/v1/chat/completions", async context =>
        {
            var body = await ReadAsync(context);
            context.Response.ContentType = "text/event-stream; charset=utf-8";
            var sent = _log.Begin(StreamQuestion.NumberIn(Encoding.UTF8.GetString(body)), sse.Length);
            await WriteAsync(context, sse, sent, interval);
        });
        application.MapGet("/times/{number:int}", (HttpContext context, int number) => context.Response.WriteAsync(_log.Describe(number)));
        await application.StartAsync();

        Console.WriteLine(string.Join(' ', application.Urls.Select(url => new Uri(url).Port.ToString(CultureInfo.InvariantCulture))));
        await Console.In.ReadToEndAsync();
        await application.StopAsync();
        return 0;
    }

    // The clients without a tokenizer say it in the request id, the others at the end of their question.
    private static int NumberIn(GenerateRequest request, VllmTokenizer tokenizer)
    {
        var number = StreamQuestion.NumberIn(request.RequestId);
        var ids = request.Tokenized.InputIds;
        return number != 0 ? number : StreamQuestion.NumberIn(tokenizer.Decode([.. ids.Skip(ids.Count - 64).Select(id => (int)id)]));
    }

    private static GetModelInfoResponse ModelInfo(VllmTokenizer tokenizer) => new()
    {
        ModelPath = "bench",
        ServedModelName = "bench",
        IsGeneration = true,
        MaxContextLength = 1 << 20,
        MaxReqInputLen = 1 << 20,
        VocabSize = (uint)tokenizer.VocabularySize,
        ModelType = "qwen3",
        Architectures = { "Qwen3ForCausalLM" },
    };

    private static async Task<byte[]> ReadAsync(HttpContext context)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        return body.ToArray();
    }

    private static async Task AnswerAsync(HttpContext context, IMessage message)
    {
        await ReadAsync(context);
        await AnswerAsync(context, [GrpcDialect.Frame(message)], new long[1], interval: default);
    }

    private static async Task AnswerAsync(HttpContext context, byte[][] frames, long[] sent, TimeSpan interval)
    {
        context.Response.ContentType = "application/grpc";
        await WriteAsync(context, frames, sent, interval);
        context.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers["grpc-status"] = "0";
    }

    private static async Task WriteAsync(HttpContext context, byte[][] messages, long[] sent, TimeSpan interval)
    {
        var start = Stopwatch.GetTimestamp();
        var body = context.Response.Body;
        for (var i = 0; i < messages.Length; i++)
        {
            if (interval > TimeSpan.Zero)
            {
                // Against the start, not the last message: the pace does not drift.
                var wait = (interval * i) - Stopwatch.GetElapsedTime(start);
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, context.RequestAborted);
                }
            }

            sent[i] = Stopwatch.GetTimestamp();
            await body.WriteAsync(messages[i], context.RequestAborted);
            await body.FlushAsync(context.RequestAborted);
        }
    }
}
