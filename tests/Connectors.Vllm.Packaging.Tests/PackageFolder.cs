using System.Globalization;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>Packs every package once into a folder of its own, under a version no cache has seen.</summary>
public sealed class PackageFolder : IAsyncLifetime
{
    /// <summary>The command line, a tool package.</summary>
    public const string Tool = "Connectors.Vllm.Tool";

    /// <summary>Names a folder that the packages are left in, for what runs after the tests.</summary>
    private const string FeedVariable = "VLLM_TEST_FEED";

    private static readonly string? Feed = Environment.GetEnvironmentVariable(FeedVariable) is { Length: > 0 } folder ? folder : null;

    /// <summary>Every library package there is: the folders below src/.</summary>
    public static readonly string[] Names =
        [.. Directory.EnumerateFiles(Path.Combine(TestPaths.RepositoryRoot, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(file => Path.GetFileNameWithoutExtension(file)).Where(name => name != Tool).Order(StringComparer.Ordinal)];

    public static string Version { get; } = "0.0.0-test." + DateTime.UtcNow.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);

    public static string GlobalPackages { get; } =
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    public string Folder { get; } = Feed ?? Directory.CreateTempSubdirectory("connectors-vllm-packages-").FullName;

    public string PathOf(string name, string extension) => Path.Combine(Folder, $"{name}.{Version}{extension}");

    public async ValueTask InitializeAsync()
    {
        var (exitCode, output) = await DotnetCommand.RunAsync(
            TestPaths.RepositoryRoot, "pack", "eng/Packages.slnf", "-c", "Release", "-nologo", "-p:PackageOutputPath=" + Folder,
                "-p:PackageVersion=" + Version);
        Assert.True(exitCode == 0, output);
    }

    public ValueTask DisposeAsync()
    {
        if (Feed is null)
        {
            Directory.Delete(Folder, recursive: true);
        }

        return ValueTask.CompletedTask;
    }
}
