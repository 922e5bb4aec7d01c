using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Pipeline;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// Loads tiktoken rank files (lines of base64 and rank). The special tokens come from tokenizer_config.json, the pattern and the vocabulary size from
/// config.json. The rules are those of vLLM's Rust front end.
/// </summary>
internal static class TiktokenLoader
{
    /// <summary>The number of reserved ids after the ranks if config.json does not contain the vocabulary size.</summary>
    private const int DefaultReserved = 256;

    /// <summary>More control tokens than any model has would only fill the memory.</summary>
    private const int MaxReserved = 1 << 16;

    private const string QwenFile = "qwen.tiktoken";
    private const int QwenExtras = 205;

    private static readonly string[] KimiModels = ["kimi", "kimi_k2", "kimi_k25", "deepseek_v3"];

    /// <summary>Creates the definition of a tiktoken tokenizer.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="fileName">The file's name.</param>
    /// <param name="tokenizerConfigJson">tokenizer_config.json, which may be empty: <c>added_tokens_decoder</c> contains the special tokens.</param>
    /// <param name="budget">The memory budget for loading.</param>
    /// <param name="configJson">config.json, which may be empty: <c>model_type</c> determines the pattern, <c>vocab_size</c> the reserved
    /// tokens.</param>
    public static TokenizerDefinition Load(
        ReadOnlyMemory<byte> file, string fileName, ReadOnlyMemory<byte> tokenizerConfigJson, ReadOnlyMemory<byte> configJson, LoadBudget budget)
    {
        var ranks = ReadRanks(file.Span, fileName, budget);
        var added = new List<AddedToken>();
        AddedTokenReader.MergeConfig(added, tokenizerConfigJson, ModelFolder.TokenizerConfig, budget);
        if (added.Find(token => token.Id >= ranks.IdLimit + MaxReserved) is { } far)
        {
            throw new TokenizerException(
                $"the token '{far.Content}' has the id {far.Id}, far beyond the last rank {ranks.IdLimit - 1}",
                ModelFolder.TokenizerConfig,
                "$.added_tokens_decoder");
        }

        if (added.Count == 0 && fileName == QwenFile)
        {
            AddQwenTokens(added, ranks.IdLimit);
        }

        var isKimi = false;
        int? size = null;
        ReadConfig(configJson, ModelFolder.Config, budget, root =>
        {
            var model = root.OptionalString("model_type");
            isKimi = Array.IndexOf(KimiModels, model) >= 0;
            var vocabularySize = root.Optional("vocab_size") ?? root.Optional("text_config")?.Optional("vocab_size");
            size = vocabularySize?.AsInt();
            if (size > ranks.IdLimit + MaxReserved)
            {
                throw vocabularySize!.Error($"the file has ranks up to {ranks.IdLimit - 1}, so a vocabulary of {size} tokens cannot be right");
            }
        });

        // Without config.json, the tokenizer class identifies a Kimi file.
        if (configJson.IsEmpty)
        {
            ReadConfig(tokenizerConfigJson, ModelFolder.TokenizerConfig, budget, root => isKimi = IsKimiClass(root));
        }

        AddReserved(added, ranks.IdLimit, size ?? ranks.IdLimit + DefaultReserved);
        return new TokenizerDefinition
        {
            Model = BpeModelFactory.FromRanks(ranks, budget),
            AddedTokens = added,
            Scanner = isKimi ? ScannerKind.Kimi : fileName == QwenFile ? ScannerKind.Qwen2 : ScannerKind.Cl100k,
            DecoderKind = DecoderKind.Bytes,
            TokensAreBytes = true,
        };
    }

    private static Vocabulary ReadRanks(ReadOnlySpan<byte> file, string fileName, LoadBudget budget)
    {
        var builder = new Vocabulary.Builder(Math.Min(file.Length / 16, 1 << 19), budget);
        var token = new byte[256];
        var number = 0;
        foreach (var range in file.Split((byte)'\n'))
        {
            number++;
            var line = file[range].Trim(" \t\r"u8);
            if (line.IsEmpty)
            {
                continue;
            }

            var blank = line.IndexOf((byte)' ');
            var base64 = blank < 0 ? default : line[..blank];
            if (token.Length < base64.Length)
            {
                token = new byte[base64.Length];
            }

            if (base64.IsEmpty
                || Base64.DecodeFromUtf8(base64, token, out _, out var length) != System.Buffers.OperationStatus.Done
                || !Utf8Parser.TryParse(line[(blank + 1)..], out int rank, out var used) || used != line.Length - blank - 1
                || !builder.TryAdd(token.AsSpan(0, length), rank))
            {
                throw new TokenizerException(
                    "the line is not a base64 token, a space and a rank; the file is corrupt, download it again",
                    fileName,
                    string.Create(CultureInfo.InvariantCulture, $"line {number}"));
            }
        }

        return builder.Count > 0 ? builder.Build() : throw new TokenizerException("the file contains no ranks; download it again", fileName, null);
    }

    private static void ReadConfig(ReadOnlyMemory<byte> json, string name, LoadBudget budget, Action<ComponentJson> read)
    {
        if (json.IsEmpty)
        {
            return;
        }

        using var document = AddedTokenReader.ParseConfig(json, name, budget);
        read(new ComponentJson(document.RootElement, "$", name, budget));
    }

    private static bool IsKimiClass(ComponentJson root) =>
        root.Optional("auto_map")?.Optional("AutoTokenizer") is { Element.ValueKind: JsonValueKind.Array } classes
        && classes.AsItems().Any(item =>
            item.Element.ValueKind == JsonValueKind.String && item.AsString().Contains("kimi", StringComparison.OrdinalIgnoreCase));

    /// <summary>Adds the control tokens of Qwen 1, which are defined in its code: three, and numbered ones for later use.</summary>
    private static void AddQwenTokens(List<AddedToken> added, int firstId)
    {
        var extras = Enumerable.Range(0, QwenExtras).Select(i => string.Create(CultureInfo.InvariantCulture, $"<|extra_{i}|>"));
        string[] names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", .. extras];
        added.AddRange(names.Select((name, i) => new AddedToken(firstId + i, name, IsSpecial: true)));
    }

    /// <summary>Adds a reserved control token for every unnamed id after the ranks.</summary>
    private static void AddReserved(List<AddedToken> added, int firstId, int limit)
    {
        var known = added.Select(token => token.Id).ToHashSet();
        for (var id = firstId; id < Math.Min(limit, Vocabulary.Builder.IdCeiling); id++)
        {
            if (!known.Contains(id))
            {
                added.Add(new AddedToken(id, string.Create(CultureInfo.InvariantCulture, $"<|reserved_token_{id}|>"), IsSpecial: true));
            }
        }
    }
}
