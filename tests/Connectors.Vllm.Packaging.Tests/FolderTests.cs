using System.Text.RegularExpressions;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>
/// Folders of a package form a hierarchy: where folder A names a type of folder B, B names none of A. Counted in the text of the sources.
/// </summary>
public sealed partial class FolderTests
{
    /// <summary>Pairs that may use each other, over all packages; docs/architecture.md gives each its reason.</summary>
    private const int Allowed = 6;

    [Fact]
    public void Folders_OfAllPackages_PointOneWay()
    {
        var pairs = Directory.GetDirectories(Path.Combine(TestPaths.RepositoryRoot, "src")).SelectMany(PairsOf)
            .Order(StringComparer.Ordinal).ToList();
        Assert.True(pairs.Count <= Allowed, $"{pairs.Count} pairs of folders use each other:\n{string.Join('\n', pairs)}");
    }

    [Fact]
    public void PairsOf_FoldersThatUseEachOther_AreFound()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            Write("A/First.cs", "class First { Second? other; }");
            Write("B/Second.cs", "class Second { /* uses */ First? first; }");
            Write("C/Third.cs", "class Third { string text = \"First\"; Second? second; } // First");
            Assert.Equal([$"{folder.Name}: A and B"], PairsOf(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        void Write(string name, string text)
        {
            var path = Path.Combine(folder.FullName, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
    }

    private static IEnumerable<string> PairsOf(string package)
    {
        var sources = Directory.EnumerateFiles(package, "*.cs", SearchOption.AllDirectories)
            .Select(path => (Folder: FolderOf(package, path), Path: path))
            .Where(static file => file.Folder is not ("obj" or "bin"))
            .Select(static file => (file.Folder, Code: Comments().Replace(Literals().Replace(File.ReadAllText(file.Path), ""), "")))
            .ToList();

        // A name that two folders declare says nothing about which of them is meant.
        var homes = sources.SelectMany(static file => Declarations().Matches(file.Code).Select(match => (Type: match.Groups[1].Value, file.Folder)))
            .GroupBy(static item => item.Type, static item => item.Folder)
            .Where(static folders => folders.Distinct().Count() == 1)
            .ToDictionary(static folders => folders.Key, static folders => folders.First());
        var arrows = sources
            .SelectMany(file => Names().Matches(file.Code).Select(match => homes.GetValueOrDefault(match.Value)).OfType<string>()
                .Where(home => home != file.Folder).Select(home => (From: file.Folder, To: home)))
            .ToHashSet();
        return arrows.Where(arrow => string.CompareOrdinal(arrow.From, arrow.To) < 0 && arrows.Contains((arrow.To, arrow.From)))
            .Select(arrow => $"{Path.GetFileName(package)}: {arrow.From} and {arrow.To}");
    }

    private static string FolderOf(string package, string path) =>
        Path.GetRelativePath(package, path).Split(Path.DirectorySeparatorChar) is [var first, _, ..] ? first : ".";

    [GeneratedRegex(@"""(?:\\.|[^""\\\n])*""")]
    private static partial Regex Literals();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\b(?:class|record struct|record|struct|enum|interface)\s+([A-Z]\w+)")]
    private static partial Regex Declarations();

    [GeneratedRegex(@"\b[A-Z]\w+\b")]
    private static partial Regex Names();
}
