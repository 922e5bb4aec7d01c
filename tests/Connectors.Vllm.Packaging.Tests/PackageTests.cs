using System.IO.Compression;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>What <c>dotnet pack</c> makes, and whether a fresh application can use it.</summary>
public sealed class PackageTests(PackageFolder packages) : IClassFixture<PackageFolder>
{
    public static readonly TheoryData<string> Names = new(PackageFolder.Names);

    [Theory]
    [MemberData(nameof(Names))]
    public void Pack_EachPackage_HoldsReadmeLicenceDocumentationAndSymbols(string name)
    {
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        var entries = package.Entries.Select(entry => entry.FullName).ToHashSet(StringComparer.Ordinal);
        using StreamReader nuspec = new(package.GetEntry(name + ".nuspec")!.Open());
        using var symbols = ZipFile.OpenRead(packages.PathOf(name, ".snupkg"));

        Assert.Contains("README.md", entries);
        Assert.Contains($"lib/net10.0/{name}.dll", entries);
        Assert.Contains($"lib/net10.0/{name}.xml", entries);
        Assert.Contains("<license type=\"expression\">Apache-2.0</license>", nuspec.ReadToEnd(), StringComparison.Ordinal);
        Assert.Contains(symbols.Entries, entry => entry.Name == name + ".pdb");
    }

    [Fact]
    public async Task Pack_SemanticKernelWithStandIn_IsRefused()
    {
        var (exitCode, output) = await DotnetCommand.RunAsync(
            TestPaths.RepositoryRoot, "pack", "src/Connectors.Vllm.SemanticKernel", "-c", "Release", "-nologo", "-o", packages.Folder);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("UseSemanticKernelPackage", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Install_IntoFreshApplication_RunsOneChat()
    {
        var application = Directory.CreateDirectory(Path.Combine(packages.Folder, "app")).FullName;
        // Stops the search for this repository's own build files.
        await File.WriteAllTextAsync(Path.Combine(application, "Directory.Build.props"), "<Project />", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(application, "Directory.Packages.props"), "<Project />", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(application, "app.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <RestoreAdditionalProjectSources>{packages.Folder}</RestoreAdditionalProjectSources>
                <RestorePackagesPath>{packages.Folder}/restored</RestorePackagesPath>
                <RestoreFallbackFolders>{PackageFolder.GlobalPackages}</RestoreFallbackFolders>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Connectors.Vllm" Version="{PackageFolder.Version}" />
                <PackageReference Include="Connectors.Vllm.Testing" Version="{PackageFolder.Version}" />
                <PackageReference Include="Microsoft.Extensions.DependencyInjection" Version="10.0.14" />
              </ItemGroup>
            </Project>
            """, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(application, "Program.cs"), """
            using Connectors.Vllm;
            using Connectors.Vllm.Testing;
            using Microsoft.Extensions.AI;
            using Microsoft.Extensions.DependencyInjection;

            await using var server = await VllmTestServer.StartAsync();
            var services = new ServiceCollection();
            services.AddVllmGrpc(server.Endpoint);
            await using var provider = services.BuildServiceProvider();
            var response = await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hello");
            Console.WriteLine($"answer: {response.Text.Length > 0}, finish: {response.FinishReason}");
            """, TestContext.Current.CancellationToken);

        var (exitCode, output) = await DotnetCommand.RunAsync(application, "run", "-c", "Release");

        Assert.True(exitCode == 0, output);
        Assert.Contains("answer: True, finish: stop", output, StringComparison.Ordinal);
    }
}
