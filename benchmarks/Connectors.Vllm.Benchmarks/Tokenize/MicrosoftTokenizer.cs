using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Buffers;
using Microsoft.ML.Tokenizers;

namespace Connectors.Vllm.Benchmarks.Tokenize;

/// <summary>
/// The rival in .NET: Microsoft.ML.Tokenizers cannot read a tokenizer.json, so it gets the same vocabulary as ranks and the same pattern as a
/// compiled <see cref="Regex"/>. That is its fastest tokenizer.
/// </summary>
internal static class MicrosoftTokenizer
{
    /// <summary>The rival for a model folder, or null when its tokenizer is more than one pattern before byte-level BPE.</summary>
    /// <param name="tokenizer">Our tokenizer of the folder, for the vocabulary.</param>
    /// <param name="directory">The folder.</param>
    public static TiktokenTokenizer? TryCreate(VllmTokenizer tokenizer, string directory)
    {
        if (Pattern(Path.Combine(directory, "tokenizer.json")) is not { } pattern)
        {
            return null;
        }

        var regex = new Regex(pattern, RegexOptions.Compiled | RegexOptions.CultureInvariant, TimeSpan.FromMinutes(1));
        return TiktokenTokenizer.Create(Ranks(tokenizer), new RegexPreTokenizer(regex, null), normalizer: null);
    }

    /// <summary>The pattern of "one Split, then ByteLevel"; null for anything else.</summary>
    private static string? Pattern(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return document.RootElement.GetProperty("pre_tokenizer") is { ValueKind: JsonValueKind.Object } sequence
            && sequence.TryGetProperty("pretokenizers", out var steps) && steps.GetArrayLength() == 2
            && steps[0].TryGetProperty("pattern", out var pattern) && pattern.TryGetProperty("Regex", out var regex)
            ? regex.GetString()
            : null;
    }

    private static MemoryStream Ranks(VllmTokenizer tokenizer)
    {
        var lines = new StringBuilder();
        var added = tokenizer.AddedTokens.Select(token => token.Id).ToHashSet();
        for (var id = 0; id <= tokenizer.MaxTokenId; id++)
        {
            if (added.Contains(id) || tokenizer.IdToToken(id) is not { } token)
            {
                continue;
            }

            var utf8 = Encoding.UTF8.GetBytes(token);
            var bytes = new byte[utf8.Length];
            if (ByteAlphabet.TryToBytes(utf8, bytes, out var length))
            {
                lines.Append(CultureInfo.InvariantCulture, $"{Convert.ToBase64String(bytes, 0, length)} {id}\n");
            }
        }

        return new MemoryStream(Encoding.UTF8.GetBytes(lines.ToString()));
    }
}
