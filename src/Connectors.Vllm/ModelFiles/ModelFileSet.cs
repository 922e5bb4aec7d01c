using System.Security.Cryptography;
using System.Text;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm;

/// <summary>The files that say how to talk to one model (tokenizer, template, configuration), in memory, and where they came from.</summary>
/// <param name="Files">File name (or path with '/' below the model's folder) to content.</param>
/// <param name="Origin">Where they came from, for people: "directory /models/qwen3", "GetTokenizer of http://gpu:50051".</param>
internal sealed record ModelFileSet(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files, string Origin)
{
    /// <summary>Whether there is anything a tokenizer could be made from.</summary>
    public bool HasTokenizer => ModelFolder.TokenizerOf(Files.Keys) is not null;

    /// <summary>Tells whether two sets hold the same files: hex SHA-256 over names and contents.</summary>
    public string ComputeDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((var name, var content) in Files.OrderBy(static file => file.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{content.Length}\0"));
            hash.AppendData(content.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
