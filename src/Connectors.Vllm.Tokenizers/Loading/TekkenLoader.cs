using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Decoding;
using Connectors.Vllm.Tokenizers.Models;
using Connectors.Vllm.Tokenizers.Pipeline;
using Connectors.Vllm.Tokenizers.PreTokenizers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Scanners;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// Loads Mistral's tekken.json (https://github.com/mistralai/mistral-common). Control tokens have the first ids, followed by the other tokens by
/// rank.
/// </summary>
internal static class TekkenLoader
{
    /// <summary>The control tokens of files that do not list them, ordered by id.</summary>
    private static readonly string[] DefaultControlTokens =
    [
        "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]",
        "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
    ];

    /// <summary>More control tokens than any model has would only fill the memory.</summary>
    private const int MaxControlTokens = 1 << 16;

    /// <summary>Creates the definition of a tekken tokenizer.</summary>
    public static TokenizerDefinition Load(ReadOnlyMemory<byte> file, string fileName, LoadBudget budget)
    {
        using var document = AddedTokenReader.ParseConfig(file, fileName, budget);
        var root = new ComponentJson(document.RootElement, "$", fileName, budget);
        var config = root.Required("config");
        var controls = config.Required("default_num_special_tokens").AsInt();
        var size = config.Required("default_vocab_size").AsInt();
        if (controls is < 0 or > MaxControlTokens || controls > size || size > Vocabulary.Builder.IdCeiling)
        {
            throw config.Error("default_num_special_tokens and default_vocab_size are inconsistent");
        }

        var added = ControlTokens(root, controls);
        var pattern = config.Required("pattern");
        var scanner = ScannerPatterns.Recognize(pattern.AsString());
        var begin = added.FirstOrDefault(token => token.Content == "<s>");
        return new TokenizerDefinition
        {
            Model = BpeModelFactory.FromRanks(Ranks(root, controls, size - controls), budget),
            AddedTokens = added,
            Scanner = scanner,
            PreTokenizer = scanner == ScannerKind.None ? Split(pattern) : null,
            DecoderKind = DecoderKind.Bytes,
            Template = begin is null ? SpecialTokenTemplate.None : new SpecialTokenTemplate([begin.Id], []),
            TokensAreBytes = true,
        };
    }

    private static Vocabulary Ranks(ComponentJson root, int offset, int count)
    {
        var entries = root.Items("vocab");
        var builder = new Vocabulary.Builder(Math.Min(entries.Count, count), root.Budget);
        foreach (var entry in entries)
        {
            var rank = entry.Required("rank").AsInt();
            if (rank >= count)
            {
                continue;
            }

            var bytes = entry.Required("token_bytes");
            if (rank < 0 || bytes.Element.ValueKind != JsonValueKind.String || !bytes.Element.TryGetBytesFromBase64(out var token)
                || !builder.TryAdd(token, rank + offset))
            {
                throw entry.Error("a rank of 0 or more and base64 token_bytes are expected");
            }
        }

        return builder.Count > 0 ? builder.Build() : throw root.Required("vocab").Error("the vocabulary is empty");
    }

    private static List<AddedToken> ControlTokens(ComponentJson root, int count)
    {
        var tokens = new SortedDictionary<int, AddedToken>();
        if (root.Optional("special_tokens") is { } listed)
        {
            foreach (var item in listed.AsItems())
            {
                var id = item.Required("rank").AsInt();
                if (id < 0 || id >= count)
                {
                    throw item.Error("the rank is not below default_num_special_tokens");
                }

                tokens[id] = new AddedToken(id, item.String("token_str"), IsSpecial: item.Bool("is_control", true));
            }
        }
        else
        {
            for (var id = 0; id < Math.Min(count, DefaultControlTokens.Length); id++)
            {
                tokens[id] = new AddedToken(id, DefaultControlTokens[id], IsSpecial: true);
            }
        }

        for (var id = 0; id < count; id++)
        {
            tokens.TryAdd(id, new AddedToken(id, string.Create(CultureInfo.InvariantCulture, $"<SPECIAL_{id}>"), IsSpecial: true));
        }

        return [.. tokens.Values];
    }

    private static RegexSplitPreTokenizer Split(ComponentJson pattern)
    {
        try
        {
            return new RegexSplitPreTokenizer(RegexCompiler.Compile(pattern.AsString()), SplitBehavior.Isolated, invert: false);
        }
        catch (TokenizerException exception)
        {
            throw pattern.Error(exception.Message, exception);
        }
    }
}
