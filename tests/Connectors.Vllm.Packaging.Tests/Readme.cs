using System.Text.RegularExpressions;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>
/// The C# in README.md, as a reader would paste it: into a method of an application that has the packages and the usings of the first whole example.
/// </summary>
internal static partial class Readme
{
    /// <summary>What the blocks take for granted: the names the text introduces before them.</summary>
    public const string Context = """
        global using Connectors.Vllm;
        global using Connectors.Vllm.Testing;
        global using Microsoft.Agents.AI;
        global using Microsoft.Extensions.AI;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.SemanticKernel;

        internal abstract class ReadmeContext
        {
            protected ServiceCollection services = null!;
            protected IChatClient client = null!;
            protected AIFunction getWeather = null!;
            protected System.Text.Json.JsonElement schema;
        }
        """;

    public static IReadOnlyList<string> CodeBlocks() =>
        [.. CodeBlock().Matches(Text()).Select(match => match.Groups[1].Value)];

    /// <summary>The C# in the packages' own READMEs.</summary>
    public static IReadOnlyList<string> PackageCodeBlocks() =>
        [.. Directory.EnumerateFiles(Path.Combine(TestPaths.RepositoryRoot, "src"), "README.md", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .SelectMany(file => CodeBlock().Matches(File.ReadAllText(file).ReplaceLineEndings("\n")))
            .Select(match => match.Groups[1].Value)];

    /// <summary>The first C# of each package's own README, and the packages that it tells the reader to add for it.</summary>
    public static IEnumerable<(string Name, IReadOnlyList<string> Packages, string Program)> PackagePrograms() =>
        from file in Directory.EnumerateFiles(Path.Combine(TestPaths.RepositoryRoot, "src"), "README.md", SearchOption.AllDirectories)
        let text = File.ReadAllText(file).ReplaceLineEndings("\n")
        let block = CodeBlock().Match(text)
        where block.Success
        select (Path.GetFileName(Path.GetDirectoryName(file)!), PackagesOf(text), block.Groups[1].Value);

    /// <summary>The packages that the text tells the reader to add.</summary>
    public static IReadOnlyList<string> Packages() => PackagesOf(Text());

    private static IReadOnlyList<string> PackagesOf(string text) =>
        [.. AddedPackage().Matches(text).Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal)];

    public static string ToSource(int number, string block)
    {
        var lines = block.Split('\n');
        return $$"""
            {{string.Join('\n', lines.Where(IsUsing))}}
            internal sealed class ReadmeBlock{{number}} : ReadmeContext
            {
                public async Task RunAsync()
                {
                    {{string.Join('\n', lines.Where(line => !IsUsing(line)))}}
                    await Task.Yield();
                }
            }
            """;
    }

    private static string Text() => File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "README.md")).ReplaceLineEndings("\n");

    [GeneratedRegex(@"^dotnet add package ([\w.]+)$", RegexOptions.Multiline)]
    private static partial Regex AddedPackage();

    private static bool IsUsing(string line) => UsingDirective().IsMatch(line);

    [GeneratedRegex(@"^```csharp\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"^using [\w.]+;$")]
    private static partial Regex UsingDirective();
}
