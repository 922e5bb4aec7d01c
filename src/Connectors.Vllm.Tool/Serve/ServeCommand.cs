using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Recording;

namespace Connectors.Vllm.Tool.Serve;

/// <summary>
/// <c>serve</c>: a vLLM gRPC server without a GPU, which generates demonstration answers, follows a script, records a real server, or replays a
/// recording.
/// </summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var arguments = new ServeArguments();
        var protocol = new Option<VllmProtocol>("--protocol")
        { Description = "The protocol to serve.", DefaultValueFactory = _ => VllmProtocol.VllmEngine };
        var script = new Option<string?>("--script")
        { Description = "A file with replies, one JSON object per line: text (or status and detail), and match, a regular expression for the "
            + "prompt." };
        var embeddings = new Option<bool>("--embeddings") { Description = "Serve an embedding model." };
        var command = new Command("serve", """
            Serves without a GPU: answers with a small demonstration model, follows a script, records a real server, or replays a recording.

            Examples:
              vllm-grpc serve --port 50051 --script replies.jsonl
              vllm-grpc serve --upstream http://gpu-box:50051 --record exchanges.jsonl
              vllm-grpc serve --replay exchanges.jsonl
            """) { protocol, script, embeddings };
        arguments.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var proxy = arguments.Upstream(parsed) is { } upstream ? new RecordingProxy(upstream, arguments.RecordFile(parsed)) : null;
            var replay = arguments.ReplayFile(parsed) is { } file ? ExchangeReplay.Load(file) : null;
            var replies = parsed.GetValue(script) is { } scripted ? ScriptedReplies.Load(scripted) : null;
            var options = new VllmTestServerOptions { Protocol = parsed.GetValue(protocol), IsEmbeddingModel = parsed.GetValue(embeddings) };
            return await arguments.RunAsync(
                parsed,
                options,
                parsed.GetValue(protocol).ToString(),
                async ready =>
                {
                    VllmTestServer? server = null;
                    if (replies is not null)
                    {
                        ready.Responder = request => replies.Find(server!.Tokenizer.Decode([.. request.PromptIds]))!;
                    }

                    return server = await VllmTestServer.StartAsync(
                        ready, proxy is not null ? proxy.HandleAsync : replay is not null ? replay.HandleAsync : null, cancellationToken)
                        .ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
        });
        return command;
    }
}

/// <summary>A certificate for localhost, made for one run; its public half lies in a PEM file until the program ends.</summary>
internal sealed class LocalCertificate : IDisposable
{
    public LocalCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = DateTimeOffset.UtcNow;
        using var made = request.CreateSelfSigned(now.AddMinutes(-5), now.AddDays(7));

        // Through PKCS #12, because SslStream on Windows cannot use a key that lives in memory only.
        Certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        PemFile = Path.Combine(Path.GetTempPath(), $"vllm-test-server-{Environment.ProcessId}.pem");
        File.WriteAllText(PemFile, made.ExportCertificatePem());
    }

    public X509Certificate2 Certificate { get; }

    public string PemFile { get; }

    public void Dispose()
    {
        Certificate.Dispose();
        File.Delete(PemFile);
    }
}
