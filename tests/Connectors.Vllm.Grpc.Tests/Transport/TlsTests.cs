using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class TlsTests
{
    [Fact]
    public async Task Health_OwnRoot_IsTrusted()
    {
        using var authority = CreateAuthority();
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Family = VllmServerFamily.B, Certificate = Issue(authority, "127.0.0.1") });
        await using var engine = Engines.Create(server.Endpoint, options => options.RootCertificates = [Public(authority)]);

        Assert.True((await engine.HealthAsync()).IsHealthy);
        Assert.Equal("https", engine.Endpoint.Scheme);
    }

    [Fact]
    public async Task Health_UnknownRoot_SaysTheHandshakeFailed()
    {
        using var authority = CreateAuthority();
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Certificate = Issue(authority, "127.0.0.1") });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.HealthAsync());

        Assert.Contains("TLS handshake", e.Message, StringComparison.Ordinal);
        Assert.False(e.IsRetryable);
    }

    [Fact]
    public async Task Health_MutualTls_NeedsTheClientCertificate()
    {
        using var authority = CreateAuthority();
        using var own = Issue(authority, "client");
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions
        {
            Certificate = Issue(authority, "127.0.0.1"),
            ClientCertificateAuthorities = [Public(authority)],
        });
        await using var with = Engines.Create(server.Endpoint, options => (options.RootCertificates, options.ClientCertificate) = ([Public(authority)], own));
        await using var without = Engines.Create(server.Endpoint, options => options.RootCertificates = [Public(authority)]);

        Assert.True((await with.HealthAsync()).IsHealthy);
        await Assert.ThrowsAsync<VllmConnectionException>(() => without.HealthAsync());
    }

    [Fact]
    public async Task Health_TlsToAPlainPort_SaysToUseHttp()
    {
        await using var server = await VllmTestServer.StartAsync();
        await using var engine = Engines.Create(new UriBuilder(server.Endpoint) { Scheme = "https" }.Uri);

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.HealthAsync());

        Assert.Contains("http://", e.Message, StringComparison.Ordinal);
    }

    private static X509Certificate2 CreateAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static X509Certificate2 Public(X509Certificate2 certificate) => X509CertificateLoader.LoadCertificate(certificate.RawData);

    private static X509Certificate2 Issue(X509Certificate2 authority, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var issued = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using var withKey = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }
}
