using System.Security.Cryptography;
using System.Text;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm;

/// <summary>The files of a model that a client needs (tokenizer, template, configuration), in memory, and their origin.</summary>
/// <param name="Files">The contents by file name (or relative path with '/').</param>
/// <param name="Origin">Where the files came from, for display: "directory /models/qwen3", "GetTokenizer of http://gpu:50051".</param>
internal sealed record ModelFileSet(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files, string Origin)
{
    /// <summary>Whether the set contains a tokenizer.</summary>
    public bool HasTokenizer => ModelFolder.TokenizerOf(Files.Keys) is not null;

    /// <summary>Computes a hexadecimal SHA-256 over names and contents, which is equal for equal sets.</summary>
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
