using System.IO.Compression;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>What <c>dotnet pack</c> makes, and whether a fresh application can use it.</summary>
public sealed class PackageTests(PackageFolder packages) : IClassFixture<PackageFolder>
{
    // The packages are code, and the small model of the testing package; a model's files or a build's leftovers would show here.
    private const long MostBytes = 2_000_000;

    /// <summary>What each package may depend on besides the packages of this repository: nothing that only builds or tests.</summary>
    private static readonly string[] Dependencies =
    [
        "Aspire.Hosting", "Google.Protobuf", "Grpc.Net.Client", "Microsoft.Extensions.AI", "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Diagnostics.HealthChecks", "Microsoft.Extensions.Hosting.Abstractions", "Microsoft.Extensions.Logging.Abstractions",
        "Microsoft.Extensions.Options.ConfigurationExtensions", "Microsoft.ML.Tokenizers", "Microsoft.SemanticKernel.Abstractions",
        "OpenTelemetry.Extensions.Hosting", "System.ClientModel",
    ];

    public static readonly TheoryData<string> Names = new(PackageFolder.Names);

    [Fact]
    public void Pack_AllPackages_AreNine() => Assert.Equal(
        [
            "Connectors.Vllm", "Connectors.Vllm.Aspire", "Connectors.Vllm.Aspire.Hosting", "Connectors.Vllm.ChatTemplates", "Connectors.Vllm.Grpc",
            "Connectors.Vllm.OutputParsing",
                "Connectors.Vllm.SemanticKernel",
            "Connectors.Vllm.Testing", "Connectors.Vllm.Tokenizers",
        ],
        PackageFolder.Names);

    [Theory]
    [MemberData(nameof(Names))]
    public void Pack_EachPackage_HoldsReadmeLicenceDocumentationAndSymbols(string name)
    {
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        var entries = package.Entries.Select(entry => entry.FullName).ToHashSet(StringComparer.Ordinal);
        using var symbols = ZipFile.OpenRead(packages.PathOf(name, ".snupkg"));
        var metadata = Metadata(package, name);

        Assert.Contains("README.md", entries);
        Assert.Equal([$"lib/net10.0/{name}.dll", $"lib/net10.0/{name}.xml"],
            entries.Where(entry => entry.StartsWith("lib/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains(symbols.Entries, entry => entry.Name == name + ".pdb");
        Assert.InRange(new FileInfo(packages.PathOf(name, ".nupkg")).Length, 1, MostBytes);
        Assert.Equal("Apache-2.0", Value(metadata, "license"));
        Assert.Equal("README.md", Value(metadata, "readme"));
        Assert.Contains("vllm", Value(metadata, "tags"), StringComparison.Ordinal);
        Assert.NotEqual("Package Description", Value(metadata, "description"));
        Assert.InRange(Value(metadata, "description").Length, 40, 400);
        Assert.Equal("Connectors.Vllm contributors", Value(metadata, "authors"));
        Assert.Contains("icon.png", entries);
        Assert.Equal("icon.png", Value(metadata, "icon"));
        Assert.StartsWith("https://", Value(metadata, "projectUrl"), StringComparison.Ordinal);
        Assert.Contains("CHANGELOG.md", Value(metadata, "releaseNotes"), StringComparison.Ordinal);
        using var readme = new StreamReader(package.GetEntry("README.md")!.Open());
        var text = readme.ReadToEnd();
        Assert.StartsWith($"# {name}\n", text, StringComparison.Ordinal);
        Assert.Contains(Value(metadata, "projectUrl"), text, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"\]\((?!https://)", text);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Pack_EachPackage_DependsOnWhatItRunsWith(string name)
    {
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        var dependencies = Metadata(package, name).Descendants().Where(element => element.Name.LocalName == "dependency")
            .Select(element => element.Attribute("id")!.Value).ToList();

        Assert.All(dependencies, dependency => Assert.Contains(dependency, PackageFolder.Names.Concat(Dependencies)));
        Assert.All(
            Metadata(package, name).Descendants().Where(element =>
                element.Name.LocalName == "dependency" && PackageFolder.Names.Contains(element.Attribute("id")!.Value)),
            element => Assert.Equal($"[{PackageFolder.Version}]", element.Attribute("version")!.Value));
        Assert.Equal(name == "Connectors.Vllm.SemanticKernel", dependencies.Contains("Microsoft.SemanticKernel.Abstractions"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Pack_EachPackage_DependsOnTheTestedVersions(string name)
    {
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        var foreign = Metadata(package, name).Descendants().Where(element =>
            element.Name.LocalName == "dependency" && !PackageFolder.Names.Contains(element.Attribute("id")!.Value));

        Assert.All(foreign, element =>
            Assert.Equal(RepositoryVersions.Of(element.Attribute("id")!.Value), element.Attribute("version")!.Value));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Pack_EachPackage_NamesItsSource(string name)
    {
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        var metadata = Metadata(package, name);
        var repository = metadata.Elements().Single(element => element.Name.LocalName == "repository");

        Assert.Equal("git", repository.Attribute("type")!.Value);
        Assert.Equal(Value(metadata, "projectUrl"), repository.Attribute("url")!.Value);
        Assert.Matches("^[0-9a-f]{40}$", repository.Attribute("commit")!.Value);
        Assert.Equal(Value(metadata, "projectUrl") + "/blob/main/CHANGELOG.md", Value(metadata, "releaseNotes"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Pack_EachPackage_DocumentsPublicTypesOnly(string name)
    {
        var types = PublicTypes(name);
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        using var documentation = package.GetEntry($"lib/net10.0/{name}.xml")!.Open();
        var members = XDocument.Load(documentation).Descendants("member").Select(member => member.Attribute("name")!.Value).ToList();

        Assert.All(types, type => Assert.Contains("T:" + type, members));
        Assert.All(members, member => Assert.Contains(
            types, type => member[2..] == type || member[2..].StartsWith(type + ".", StringComparison.Ordinal)));
    }

    [Fact]
    public void Pack_PublicTypes_AreNinetyAtMostAndAsManyAsTheDocumentSays()
    {
        var count = PackageFolder.Names.Sum(name => PublicTypes(name).Count);

        Assert.InRange(count, 1, 90);
        Assert.Contains(
            $"\n{count} public types over all packages",
            File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "docs", "architecture.md")).ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public void Pack_Tool_IsAToolWithReadmeAndIcon()
    {
        using var package = ZipFile.OpenRead(packages.PathOf(PackageFolder.Tool, ".nupkg"));
        var entries = package.Entries.Select(entry => entry.FullName).ToHashSet(StringComparer.Ordinal);

        Assert.Contains("tools/net10.0/any/DotnetToolSettings.xml", entries);
        Assert.Contains("README.md", entries);
        Assert.Contains("icon.png", entries);
    }

    [Fact]
    public async Task Install_IntoFreshApplication_RunsAChatAndAKernelAndCompilesTheReadme()
    {
        var application = await WriteProjectAsync("app", Readme.Packages());
        await WriteAsync("Program.cs", """
            using Connectors.Vllm;
            using Connectors.Vllm.Testing;
            using Microsoft.Extensions.AI;
            using Microsoft.Extensions.DependencyInjection;
            using Microsoft.SemanticKernel;

            await using var server = await VllmTestServer.StartAsync();
            var services = new ServiceCollection();
            services.AddVllmGrpc(server.Endpoint);
            await using var provider = services.BuildServiceProvider();
            var response = await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hello");
            Console.WriteLine($"answer: {response.Text.Length > 0}, finish: {response.FinishReason}");

            server.Reply("A kernel.");
            var kernel = Kernel.CreateBuilder().AddVllmGrpc(server.Endpoint).Build();
            Console.WriteLine($"kernel: {await kernel.InvokePromptAsync("What are you?")}");
            """);
        var blocks = Readme.CodeBlocks();
        Assert.True(blocks.Count >= 8, $"README.md holds {blocks.Count} blocks of C#.");
        blocks = [.. blocks, .. Readme.PackageCodeBlocks()];
        await WriteAsync("ReadmeContext.cs", Readme.Context);
        for (var i = 0; i < blocks.Count; i++)
        {
            await WriteAsync($"ReadmeBlock{i}.cs", Readme.ToSource(i, blocks[i]));
        }

        var (exitCode, output) = await DotnetCommand.RunAsync(application, "run", "-c", "Release");

        Assert.True(exitCode == 0, output);
        Assert.Contains("answer: True, finish: stop", output, StringComparison.Ordinal);
        Assert.Contains("kernel: A kernel.", output, StringComparison.Ordinal);

        Task WriteAsync(string name, string text) =>
            File.WriteAllTextAsync(Path.Combine(application, name), text, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task FirstProgramOfEachReadme_WithThePackagesItAdds_Compiles()
    {
        var first = Readme.CodeBlocks().First(static block => block.StartsWith("using ", StringComparison.Ordinal));
        List<(string Name, IReadOnlyList<string> Packages, string Program)> programs =
            [("README", [Readme.Packages()[0]], first), .. Readme.PackagePrograms()];
        foreach (var (name, added, program) in programs)
        {
            var folder = await WriteProjectAsync(name + ".First", added);
            await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), program, TestContext.Current.CancellationToken);
        }

        await File.WriteAllTextAsync(
            Path.Combine(packages.Folder, "first.slnx"),
            $"<Solution>{string.Concat(programs.Select(static program => Project(program.Name + ".First")))}</Solution>",
            TestContext.Current.CancellationToken);

        var (exitCode, output) = await DotnetCommand.RunAsync(packages.Folder, "build", "first.slnx", "-nologo", "-warnaserror");

        Assert.Equal("Connectors.Vllm", Readme.Packages()[0]);
        Assert.True(exitCode == 0, output);
        Assert.Equal(8, programs.Count);

        static string Project(string name) => $"<Project Path=\"{name}/{name}.csproj\" />";
    }

    /// <summary>A program of a reader, in a folder of its own: the project without its source.</summary>
    private async Task<string> WriteProjectAsync(string name, IReadOnlyList<string> added)
    {
        var folder = Directory.CreateDirectory(Path.Combine(packages.Folder, name)).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, name + ".csproj"), $"""
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
                {References([.. added])}
              </ItemGroup>
            </Project>
            """, TestContext.Current.CancellationToken);

        // Stops the search for a repository's build files.
        await File.WriteAllTextAsync(Path.Combine(folder, "Directory.Build.props"), "<Project />", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "Directory.Packages.props"), "<Project />", TestContext.Current.CancellationToken);
        return folder;
    }

    /// <summary>What <c>dotnet add package</c> writes for each: ours at the packed version, others at the repository's.</summary>
    private static string References(params string[] names) => string.Join('\n', names.Select(name =>
        $"""<PackageReference Include="{name}" Version"""
            + $"""="{(PackageFolder.Names.Contains(name) ? PackageFolder.Version : RepositoryVersions.Of(name))}" />"""));

    private List<string> PublicTypes(string name)
    {
        using var package = ZipFile.OpenRead(packages.PathOf(name, ".nupkg"));
        using var assembly = new MemoryStream();
        using (var stream = package.GetEntry($"lib/net10.0/{name}.dll")!.Open())
        {
            stream.CopyTo(assembly);
        }

        assembly.Position = 0;
        using var reader = new PEReader(assembly);
        var metadata = reader.GetMetadataReader();
        return [.. metadata.TypeDefinitions.Select(metadata.GetTypeDefinition)
            .Where(type => (type.Attributes & TypeAttributes.VisibilityMask) == TypeAttributes.Public)
            .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}")];
    }

    private static XElement Metadata(ZipArchive package, string name)
    {
        using var nuspec = package.GetEntry(name + ".nuspec")!.Open();
        return XDocument.Load(nuspec).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
    }

    private static string Value(XElement metadata, string name) =>
        metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value ?? string.Empty;
}
