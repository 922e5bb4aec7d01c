using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Connectors.Vllm.Tool.Serve;

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
