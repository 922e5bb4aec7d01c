using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Tests.Registration;

/// <summary>Registration in a real host: bad options stop the application when it starts, before anything is resolved.</summary>
public sealed class HostTests
{
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Start_WaitForReadyIsSet_WaitsUntilTheModelIsLoaded()
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, StartsLoading = true }, Served.Cancel);
        var log = new ListLoggerFactory();
        var builder = Builder(("Vllm:Endpoint", server.Endpoint.ToString()), ("Vllm:Connection:Retry:WaitForReady", "00:01:00"));
        builder.Services.AddSingleton<ILoggerFactory>(log);
        builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm"));
        using var host = builder.Build();

        var starting = host.StartAsync(Served.Cancel);
        await log.WaitForAsync("its health is 'Engine is starting'").WaitAsync(Hang, Served.Cancel);
        Assert.False(starting.IsCompleted);
        server.FinishLoading();

        await starting.WaitAsync(Hang, Served.Cancel);
        Assert.Equal(LogLevel.Information, log.Entries.First(entry => entry.Text.Contains("is not ready yet", StringComparison.Ordinal)).Level);
    }

    [Fact]
    public async Task Start_ServerIsNotReadyInTime_FailsWithWhatItSaid()
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, StartsLoading = true }, Served.Cancel);
        var builder = Builder();
        builder.Services.AddVllmGrpc(server.Endpoint, options => options.Connection.Retry.WaitForReady = TimeSpan.FromMilliseconds(1));
        using var host = builder.Build();

        var exception = await Assert.ThrowsAsync<VllmTimeoutException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains("Engine is starting", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WaitForReadyIsNotSet_SendsNothing()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions(), Served.Cancel);
        var builder = Builder();
        builder.Services.AddVllmGrpc(server.Endpoint);
        using var host = builder.Build();

        await host.StartAsync(Served.Cancel);

        Assert.Empty(server.Requests);
    }

    [ContractPoint(51)]
    [Theory]
    [InlineData("Endpoint", "ftp://gpu:1", "'Vllm:Endpoint'")]
    [InlineData("Endpoints:1", "http://gpu:1/path", "'Vllm:Endpoints:1'")]
    [InlineData("Connection:CallTimeout", "30", "'Vllm:Connection:CallTimeout' is '30', but must be a time as hours:minutes:seconds, such as "
        + "00:00:30")]
    [InlineData("Connection:Retry:BaseDelay", "-00:00:01", "Vllm:Connection:Retry:BaseDelay")]
    [InlineData("Connection:RootCertificateFile", "/no/such/file", "Vllm:Connection:RootCertificateFile")]
    [InlineData("ModelDirectory", "/no/such/folder", "Vllm:ModelDirectory")]
    [InlineData("ModelRepository", "not a repository", "Vllm:ModelRepository")]
    [InlineData("Connection:CallTimeout", "-00:00:01", "Vllm:Connection:CallTimeout")]
    [InlineData("Connection:AbortTimeout", "-00:00:01", "Vllm:Connection:AbortTimeout")]
    [InlineData("Connection:KeepAlivePingInterval", "00:00:00", "Vllm:Connection:KeepAlivePingInterval")]
    [InlineData("Connection:MaxSendMessageBytes", "0", "Vllm:Connection:MaxSendMessageBytes")]
    [InlineData("Connection:Retry:MaxRetries", "11", "Vllm:Connection:Retry:MaxRetries")]
    [InlineData("ToolCallParser", "no_such_parser", "Vllm:ToolCallParser")]
    [InlineData("ReasoningParser", "no_such_parser", "Vllm:ReasoningParser")]
    public async Task Start_BadValue_FailsNamingTheKey(string key, string value, string named)
    {
        var builder = Builder(("Vllm:Endpoint", "http://gpu:1"), ($"Vllm:{key}", value));
        builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm"));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains(named, error.Message);
    }

    [ContractPoint(51)]
    [Theory]
    [InlineData("Connection:CallTimeout", "soon")]
    [InlineData("AllowModelDownload", "maybe")]
    [InlineData("Connection:Protocol", "carrier-pigeon")]
    [InlineData("Endpoints", "http://gpu:2")]
    [InlineData("TokensAllowedInContent", "<think>")]
    [InlineData("ChatTemplateArguments", "thinking")]
    public async Task Start_UnreadableValue_FailsNamingTheKey(string key, string value)
    {
        var builder = Builder(("Vllm:Endpoint", "http://gpu:1"), ($"Vllm:{key}", value));
        builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm"));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains($"'Vllm:{key}'", error.Message);
        Assert.Contains(value, error.Message);
    }

    [ContractPoint(51)]
    [Fact]
    public async Task Start_KeyedRegistrations_EachIsCheckedAndNamed()
    {
        var builder = Builder(("Good:Endpoint", "http://gpu:1"), ("Bad:Endpoint", "http://gpu:1"), ("Bad:ModelDirectory", "/no/such/folder"));
        builder.Services.AddVllmGrpc("http://gpu:1");
        builder.Services.AddKeyedVllmGrpc("good", builder.Configuration.GetSection("Good"));
        builder.Services.AddKeyedVllmGrpc("bad", builder.Configuration.GetSection("Bad"));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains("Bad:ModelDirectory", error.Message);
        Assert.DoesNotContain("Good:", error.Message);
    }

    [ContractPoint(51)]
    [Fact]
    public async Task Start_PostConfiguredBadValue_FailsToo()
    {
        var builder = Builder();
        builder.Services.AddKeyedVllmGrpc("a", "http://gpu:1");
        builder.Services.PostConfigure<VllmGrpcOptions>("a", options => options.Connection.ConnectTimeout = TimeSpan.Zero);
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains("Connection:ConnectTimeout", error.Message);
    }

    [Theory]
    [InlineData("Vlm", "The configuration section 'Vlm' does not exist")]
    [InlineData("Empty", "Empty:Endpoint: The server's address is missing")]
    [InlineData("Twice", "Twice:Endpoint and Twice:Endpoints are both set")]
    public async Task Start_SectionWithoutOneAddress_FailsInsteadOfTalkingToLocalhost(string section, string named)
    {
        var builder = Builder(("Empty:ModelId", "m"), ("Twice:Endpoint", "http://gpu:1"), ("Twice:Endpoints:0", "http://gpu:2"));
        builder.Services.AddVllmGrpc(builder.Configuration.GetSection(section));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains(named, error.Message);
    }

    [Fact]
    public async Task Start_WholeConfigurationInPlaceOfASection_IsToldOnce()
    {
        var builder = Builder(("Vllm:Endpoint", "http://gpu:1"));
        using var logs = new ListLoggerFactory();
        builder.Services.AddSingleton<Microsoft.Extensions.Logging.ILoggerFactory>(logs);
        builder.Services.AddVllmGrpc(builder.Configuration);
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Served.Cancel));

        Assert.Contains("pass GetSection(\"Vllm\")", error.Message);
        Assert.Contains("'Vllm'", Assert.Single(logs.Entries, entry => entry.Id.Id == 5).Text);
    }

    [Fact]
    public async Task Start_UnknownKeys_AreNamedInWarnings()
    {
        var builder = Builder(("Vllm:Endpoint", "http://gpu:1"), ("Vllm:ModelDirektory", "x"), ("Vllm:Connection:Retry:Delay", "1"),
            ("Vllm:Connection:Metadata:anything", "1"), ("Vllm:Tokenizer", "x"));
        using var logs = new ListLoggerFactory();
        builder.Services.AddSingleton<Microsoft.Extensions.Logging.ILoggerFactory>(logs);
        builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm"));
        using var host = builder.Build();

        await host.StartAsync(Served.Cancel);

        var warnings = logs.Entries.Where(entry => entry.Id.Id == 5).Select(entry => entry.Text).Order(StringComparer.Ordinal).ToList();
        Assert.Collection(
            warnings,
            warning => Assert.Contains("'Vllm:Connection:Retry:Delay'", warning),
            warning => Assert.Contains("'Vllm:ModelDirektory', 'Vllm:Tokenizer'", warning));
        await host.StopAsync(Served.Cancel);
    }

    [Fact]
    public async Task Start_GoodValuesAndNoServer_StartsAndSendsNothing()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Served.Cancel);
        var builder = Builder(("Vllm:Endpoint", server.Endpoint.ToString()));
        builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm"));
        using var host = builder.Build();

        await host.StartAsync(Served.Cancel);

        Assert.Equal(0, server.AcceptedConnections);
        server.Reply("Hello.");
        Assert.Equal("Hello.", (await host.Services.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Served.Cancel)).Text);
        await host.StopAsync(Served.Cancel);
    }

    [Fact]
    public async Task Configuration_RootCertificateFile_IsTrustedAndIsNotWithout()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Certificate = certificate }, Served.Cancel);
        server.Reply("Hello.");
        var folder = Directory.CreateTempSubdirectory("vllm-tls-");
        try
        {
            var file = Path.Combine(folder.FullName, "ca.pem");
            await File.WriteAllTextAsync(file, certificate.ExportCertificatePem(), Served.Cancel);

            Assert.Equal("Hello.", await AskAsync(("Vllm:Connection:RootCertificateFile", file)));
            await Assert.ThrowsAsync<VllmConnectionException>(() => AskAsync());
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        async Task<string> AskAsync(params (string Key, string Value)[] values)
        {
            var builder = Builder([("Vllm:Endpoint", server.Endpoint.ToString()), .. values]);
            builder.Services.AddVllmGrpc(builder.Configuration.GetSection("Vllm"));
            using var host = builder.Build();
            return (await host.Services.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Served.Cancel)).Text;
        }
    }

    private static HostApplicationBuilder Builder(params (string Key, string Value)[] values)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            values.GroupBy(pair => pair.Key).Select(pairs => KeyValuePair.Create(pairs.Key, (string?)pairs.Last().Value)));
        return builder;
    }
}
