using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Aspire.Hosting;

/// <summary>
/// The parameters of vLLM's container: image, ports and the requirements of each protocol. All version-specific values are in this class.
/// </summary>
internal static class VllmLaunch
{
    public const string Registry = "docker.io";
    public const string Image = "vllm/vllm-openai";

    /// <summary>The arguments below hold for this version.</summary>
    public const string Tag = "v0.32.0";

    /// <summary>The Python package of the VllmEngine protocol, which the official image does not contain.</summary>
    public const string ServicerPackage = "smg-grpc-servicer";
    public const string ServicerVersion = "0.14.1";

    public const string GrpcEndpoint = "grpc";
    public const string HttpEndpoint = "http";
    public const int HttpPort = 8000;

    /// <summary>Where the image keeps downloads from the hub.</summary>
    public const string ModelCache = "/root/.cache/huggingface";

    /// <summary>The VllmEngine protocol replaces HTTP on its port; the Inference protocol has a separate port.</summary>
    public static int GrpcPort(VllmProtocol protocol) => protocol == VllmProtocol.VllmEngine ? HttpPort : 50051;

    /// <summary>The script that runs before the image's own command if the servicer must be installed.</summary>
    public const string InstallingEntrypoint = "python3";

    /// <summary>
    /// What is in front of <c>vllm serve</c>'s own arguments: nothing with the image's entry point, a script that installs the servicer first
    /// otherwise. It holds no dollar sign, which Compose and Kubernetes would take for a variable.
    /// </summary>
    public static IEnumerable<string> Before(VllmResource resource) => InstallsServicer(resource)
        ?
        [
            "-c",
            "import os, subprocess, sys; "
                + $"subprocess.check_call([sys.executable, '-m', 'pip', 'install', '--quiet', '{ServicerPackage}=={resource.ServicerVersion}']); "
                + "os.execvp('vllm', ['vllm', 'serve', *sys.argv[1:]])",
        ]
        : [];

    /// <summary>The arguments of <c>vllm serve</c>.</summary>
    public static IEnumerable<string> Arguments(VllmResource resource)
    {
        yield return resource.Model;
        yield return "--host";
        yield return "0.0.0.0";
        yield return "--port";
        yield return Text(HttpPort);
        if (resource.Protocol == VllmProtocol.VllmEngine)
        {
            yield return "--grpc";
        }
        else
        {
            yield return "--grpc-port";
            yield return Text(GrpcPort(resource.Protocol));
        }

        if (resource.ServedModelName is { } name)
        {
            yield return "--served-model-name";
            yield return name;
        }

        if (resource.MaxModelLength is { } length)
        {
            yield return "--max-model-len";
            yield return Text(length);
        }

        if (resource.TensorParallelSize is { } size)
        {
            yield return "--tensor-parallel-size";
            yield return Text(size);
        }
    }

    /// <summary>The Inference protocol is spoken by vLLM's Rust front end, which a variable switches on.</summary>
    public static IReadOnlyDictionary<string, string> Environment(VllmProtocol protocol) => protocol == VllmProtocol.VllmEngine
        ? new Dictionary<string, string>()
        : new Dictionary<string, string> { ["VLLM_USE_RUST_FRONTEND"] = "1" };

    public static bool InstallsServicer(VllmResource resource) => resource.Protocol == VllmProtocol.VllmEngine
        && resource.ServicerVersion is not null;

    /// <summary>Whether a text is only a version, because it becomes part of the script.</summary>
    public static bool IsVersion(string text) =>
        text.Length > 0 && text.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '+' or '!' or '-');

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
