using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Connectors.Vllm.Grpc;

/// <summary>The certificates of <see cref="VllmConnectionOptions"/> as TLS settings.</summary>
internal static class TlsSettings
{
    /// <exception cref="ArgumentException">A certificate file cannot be read; the message names the option and the file.</exception>
    public static void Apply(VllmConnectionOptions options, SslClientAuthenticationOptions tls)
    {
        if (options.RootCertificateFile is { } roots)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            Read(nameof(options.RootCertificateFile), roots, () => policy.CustomTrustStore.ImportFromPemFile(roots));
            tls.CertificateChainPolicy = policy;
        }

        if (options.ClientCertificateFile is { } file)
        {
            X509Certificate2? certificate = null;
            Read(nameof(options.ClientCertificateFile), file,
                () => certificate = Load(file, options.ClientCertificateKeyFile, options.ClientCertificatePassword));
            tls.ClientCertificates = [certificate!];

            // Without this, a certificate that the server's list of authorities does not mention would not be sent.
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate!;
        }

        options.ConfigureTls?.Invoke(tls);
    }

    private static X509Certificate2 Load(string file, string? keyFile, string? password)
    {
        if (Path.GetExtension(file) is ".pfx" or ".p12")
        {
            return X509CertificateLoader.LoadPkcs12FromFile(file, password);
        }

        using var certificate = password is null
            ? X509Certificate2.CreateFromPemFile(file, keyFile)
            : X509Certificate2.CreateFromEncryptedPemFile(file, password, keyFile);

        // Some platforms cannot use the ephemeral key of a PEM file in a handshake.
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    private static void Read(string option, string file, Action read)
    {
        try
        {
            read();
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"{option}: the certificate file '{file}' cannot be read: {exception.Message}", exception);
        }
    }
}
