using System.Diagnostics;
using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Tokenizers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>
/// <c>stream-server</c>: the other side of <c>stream</c>, in a process of its own. It speaks both dialects from one script, encoded beforehand, so
/// that what is measured is the client. It prints its two ports and ends when its standard input closes.
/// </summary>
internal sealed class StreamServer : IBenchmark
{
    public string Name => "stream-server";

    public string Summary => "(started by stream) --model-dir DIR --shape text|thinking|tool --tokens N --tokens-per-message N --rate TOKENS_PER_SECOND";

    public async Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var tokenizer = Tokenizer.FromDirectory(arguments.Required("model-dir"));
        var script = StreamScript.Create(tokenizer, Enum.Parse<StreamShape>(arguments.Required("shape"), ignoreCase: true), arguments.Number("tokens", 256));
        var tokensPerMessage = arguments.Number("tokens-per-message", 1);
        var rate = arguments.Number("rate", 0);
        var interval = rate == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)tokensPerMessage / rate);
        var grpc = GrpcDialect.Encode(script, tokensPerMessage);
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
        application.MapPost("/vllm.grpc.engine.VllmEngine/Generate", context => GrpcAsync(context, grpc, interval));
        application.MapPost("/vllm.grpc.engine.VllmEngine/Abort", context => GrpcAsync(context, [GrpcDialect.Frame(new AbortResponse())], default));
        application.MapPost("/vllm.grpc.engine.VllmEngine/HealthCheck", context => GrpcAsync(context, [GrpcDialect.Frame(new HealthCheckResponse { Healthy = true, Message = "Health" })], default));
        application.MapPost("/vllm.grpc.engine.VllmEngine/GetServerInfo", context => GrpcAsync(context, [GrpcDialect.Frame(new GetServerInfoResponse { DataParallelSize = 1, ConstrainedDecodingStart = "first_token" })], default));
        application.MapPost("/vllm.grpc.engine.VllmEngine/GetModelInfo", context => GrpcAsync(context, [GrpcDialect.Frame(ModelInfo(tokenizer))], default));
        application.MapPost("/v1/chat/completions", context => SseAsync(context, sse, interval));
        await application.StartAsync();

        Console.WriteLine(string.Join(' ', application.Urls.Select(url => new Uri(url).Port.ToString(CultureInfo.InvariantCulture))));
        await Console.In.ReadToEndAsync();
        await application.StopAsync();
        return 0;
    }

    private static GetModelInfoResponse ModelInfo(Tokenizer tokenizer) => new()
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

    private static async Task GrpcAsync(HttpContext context, byte[][] frames, TimeSpan interval)
    {
        context.Response.ContentType = "application/grpc";
        await context.Request.Body.CopyToAsync(System.IO.Stream.Null, context.RequestAborted);
        await WriteAsync(context, frames, interval);
        context.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers["grpc-status"] = "0";
    }

    private static async Task SseAsync(HttpContext context, byte[][] events, TimeSpan interval)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        await context.Request.Body.CopyToAsync(System.IO.Stream.Null, context.RequestAborted);
        await WriteAsync(context, events, interval);
    }

    private static async Task WriteAsync(HttpContext context, byte[][] messages, TimeSpan interval)
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

            await body.WriteAsync(messages[i], context.RequestAborted);
            await body.FlushAsync(context.RequestAborted);
        }
    }
}
