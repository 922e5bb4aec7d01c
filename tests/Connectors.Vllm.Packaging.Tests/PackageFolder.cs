using System.Globalization;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>Packs every package once into a folder of its own, under a version no cache has seen.</summary>
public sealed class PackageFolder : IAsyncLifetime
{
    /// <summary>Packages that can be packed here; the Semantic Kernel adapter needs the real Semantic Kernel package.</summary>
    public static readonly string[] Names =
    [
        "Connectors.Vllm", "Connectors.Vllm.ChatTemplates", "Connectors.Vllm.Grpc",
        "Connectors.Vllm.OutputParsing", "Connectors.Vllm.Testing", "Connectors.Vllm.Tokenizers",
    ];

    public static string Version { get; } = "0.0.0-test." + DateTime.UtcNow.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);

    public static string GlobalPackages { get; } =
        Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    public string Folder { get; } = Directory.CreateTempSubdirectory("connectors-vllm-packages-").FullName;

    public string PathOf(string name, string extension) => Path.Combine(Folder, $"{name}.{Version}{extension}");

    public async ValueTask InitializeAsync()
    {

        foreach (var name in Names.Where(name => !File.Exists(PathOf(name, ".nupkg"))))
        {
            await PackAsync(name);
        }
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task PackAsync(string name)
    {
        var (exitCode, output) = await DotnetCommand.RunAsync(
            TestPaths.RepositoryRoot, "pack", "src/" + name, "-c", "Release", "-nologo", "-o", Folder, "-p:Version=" + Version);
        Assert.True(exitCode == 0, output);
    }
}
