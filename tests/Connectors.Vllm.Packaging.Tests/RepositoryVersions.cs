using System.Xml.Linq;

namespace Connectors.Vllm.Packaging.Tests;

/// <summary>The versions in this repository's Directory.Packages.props.</summary>
internal static class RepositoryVersions
{
    private static readonly XDocument Versions = XDocument.Load(Path.Combine(TestPaths.RepositoryRoot, "Directory.Packages.props"));

    public static string Of(string package) =>
        Versions.Descendants("PackageVersion").Single(version => version.Attribute("Include")!.Value == package).Attribute("Version")!.Value;
}
