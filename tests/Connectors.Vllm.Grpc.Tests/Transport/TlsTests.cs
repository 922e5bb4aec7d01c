using System.Net;
using System.Net.Security;
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
        await using var server =
            await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, Certificate = Issue(authority, "127.0.0.1") });
        await using var engine = Engines.Create(server.Endpoint, options => options.ConfigureTls = Trust(authority));

        Assert.True((await engine.HealthAsync()).IsHealthy);
        Assert.Equal("https", engine.Endpoint.Scheme);
    }

    [Fact]
    public async Task Health_UnknownRoot_SaysTheHandshakeFailed()
    {
        using var authority = CreateAuthority();
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Certificate = Issue(authority, "127.0.0.1") });
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
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            Certificate = Issue(authority, "127.0.0.1"),
            ClientCertificateAuthorities = [Public(authority)],
        });
        await using var with = Engines.Create(server.Endpoint, options => options.ConfigureTls = tls =>
        {
            Trust(authority)(tls);
            tls.ClientCertificates = [own];
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => own;
        });
        await using var without = Engines.Create(server.Endpoint, options => options.ConfigureTls = Trust(authority));

        Assert.True((await with.HealthAsync()).IsHealthy);
        await Assert.ThrowsAsync<VllmConnectionException>(() => without.HealthAsync());
    }

    [Fact]
    public async Task Health_TlsToAPlainPort_SaysToUseHttp()
    {
        await using var server = await VllmEmulator.StartAsync();
        await using var engine = Engines.Create(new UriBuilder(server.Endpoint) { Scheme = "https" }.Uri);

        var e = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.HealthAsync());

        Assert.Contains("http://", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pem")]
    [InlineData("encrypted pem")]
    [InlineData("pfx")]
    public async Task Health_CertificatesFromFiles_AreUsed(string form)
    {
        const string Password = "a password";
        var folder = Directory.CreateTempSubdirectory("vllm-tls-").FullName;
        using var authority = CreateAuthority();
        using var own = Issue(authority, "client");
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            Certificate = Issue(authority, "127.0.0.1"),
            ClientCertificateAuthorities = [Public(authority)],
        });
        await using var engine = Engines.Create(server.Endpoint, options =>
        {
            options.RootCertificateFile = Write("ca.pem", authority.ExportCertificatePem());
            using var key = own.GetECDsaPrivateKey()!;
            switch (form)
            {
                case "pem":
                    options.ClientCertificateFile = Write("client.pem", own.ExportCertificatePem());
                    options.ClientCertificateKeyFile = Write("client.key", key.ExportPkcs8PrivateKeyPem());
                    break;
                case "encrypted pem":
                    var protection = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
                    options.ClientCertificateFile =
                        Write("client.pem", own.ExportCertificatePem() + "\n" + key.ExportEncryptedPkcs8PrivateKeyPem(Password, protection));
                    options.ClientCertificatePassword = Password;
                    break;
                default:
                    options.ClientCertificateFile = Path.Combine(folder, "client.pfx");
                    File.WriteAllBytes(options.ClientCertificateFile, own.Export(X509ContentType.Pkcs12, Password));
                    options.ClientCertificatePassword = Password;
                    break;
            }
        });

        Assert.True((await engine.HealthAsync()).IsHealthy);

        string Write(string name, string text)
        {
            File.WriteAllText(Path.Combine(folder, name), text);
            return Path.Combine(folder, name);
        }
    }

    [Fact]
    public void Create_UnreadableCertificate_NamesOptionAndFile()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "no certificate");

        var exception =
            Assert.Throws<ArgumentException>(() => Engines.Create(new Uri("https://gpu:1"), options => options.ClientCertificateFile = file));

        Assert.Contains("ClientCertificateFile", exception.Message, StringComparison.Ordinal);
        Assert.Contains(file, exception.Message, StringComparison.Ordinal);
    }

    private static Action<SslClientAuthenticationOptions> Trust(X509Certificate2 authority) => tls =>
    {
        tls.CertificateChainPolicy = new X509ChainPolicy
        { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        tls.CertificateChainPolicy.CustomTrustStore.Add(Public(authority));
    };

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
        using var issued =
            request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using var withKey = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }
}
