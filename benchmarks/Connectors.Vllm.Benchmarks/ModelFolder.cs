namespace Connectors.Vllm.Benchmarks;

/// <summary>A model's files in a temporary folder.</summary>
internal sealed class ModelFolder : IDisposable
{
    private readonly DirectoryInfo _directory = System.IO.Directory.CreateTempSubdirectory("connectors-vllm-model-");

    private ModelFolder()
    {
    }

    public string Path => _directory.FullName;

    public static ModelFolder Extract(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        ModelFolder folder = new();
        foreach (var (name, content) in files)
        {
            File.WriteAllBytes(System.IO.Path.Combine(folder.Path, name), content.Span);
        }

        return folder;
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
