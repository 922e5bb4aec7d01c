using System.Reflection;
using System.Text;

namespace Connectors.Vllm.TestSupport;

/// <summary>Compares a package's public surface with its committed listing, <c>src/PACKAGE/PublicApi.txt</c>.</summary>
public static class PublicApi
{
    /// <summary>Set this variable to 1 and run the tests to rewrite the listings after an intended change.</summary>
    public const string UpdateVariable = "UPDATE_PUBLIC_API";

    /// <summary>Fails when the surface of <paramref name="assembly"/> differs from the listing in its source folder.</summary>
    public static void MatchesListing(Assembly assembly)
    {
        var path = Path.Combine(TestPaths.RepositoryRoot, "src", assembly.GetName().Name!, "PublicApi.txt");
        var actual = List(assembly);
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            File.WriteAllText(path, actual);
        }

        var listed = File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "";
        var added = Except(actual, listed, "+ ");
        var removed = Except(listed, actual, "- ");
        Assert.True(
            added.Length + removed.Length == 0,
            $"The public surface differs from {path}. If that is intended, run the tests with {UpdateVariable}=1 and commit the "
                + $"listing.\n{removed}{added}");
    }

    private static string Except(string lines, string others, string mark)
    {
        // Lines carry their type's name, so that a member that also exists elsewhere is missed where it was removed.
        return string.Concat(Qualified(lines).Except(Qualified(others), StringComparer.Ordinal).Select(line => mark + line + "\n"));

        static IEnumerable<string> Qualified(string listing)
        {
            var type = string.Empty;
            var seen = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var line in listing.Split('\n'))
            {
                type = line.StartsWith(' ') ? type : line;
                var full = line.StartsWith(' ') ? $"{type} {line.Trim()}" : line;
                seen[full] = seen.GetValueOrDefault(full) + 1;
                yield return seen[full] == 1 ? full : $"{full} #{seen[full]}";
            }
        }
    }

    private static string List(Assembly assembly)
    {
        var listing = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().Where(IsWritten).OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            listing.Append(TypeSignature.Declaration(type)).Append('\n');
            var members = type
                .GetMembers(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .Select(TypeSignature.Member)
                .OfType<string>()
                .Order(StringComparer.Ordinal);
            foreach (var member in members)
            {
                listing.Append("    ").Append(member).Append('\n');
            }
        }

        return listing.ToString();
    }

    // What protoc generates is described by protos/, not here.
    private static bool IsWritten(Type type) => type.Namespace?.Contains(".Protocol", StringComparison.Ordinal) != true;
}
