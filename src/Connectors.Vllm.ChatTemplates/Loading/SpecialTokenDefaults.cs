namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// Special tokens that transformers' tokenizer classes bring along when tokenizer_config.json does not name them. A key that is there with
/// null stays without a token. Source: the classes' constructors in transformers.
/// </summary>
internal static class SpecialTokenDefaults
{
    public static IReadOnlyList<(string Name, string Token)> Of(string? tokenizerClass)
    {
        var name = tokenizerClass is not null && tokenizerClass.EndsWith("Fast", StringComparison.Ordinal) ? tokenizerClass[..^4] : tokenizerClass;
        return name switch
        {
            "LlamaTokenizer" or "CodeLlamaTokenizer" => [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")],
            "GPT2Tokenizer" => [("bos_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>")],
            "Qwen2Tokenizer" => [("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>")],
            "GemmaTokenizer" => [("bos_token", "<bos>"), ("eos_token", "<eos>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>")],
            "CohereTokenizer" =>
            [
                ("bos_token", "<BOS_TOKEN>"), ("eos_token", "<|END_OF_TURN_TOKEN|>"), ("unk_token", "<UNK>"), ("pad_token", "<PAD>"),
                ("cls_token", "<CLS>"), ("sep_token", "<SEP>"), ("mask_token", "<MASK_TOKEN>"),
            ],
            "BertTokenizer" => [("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")],
            "RobertaTokenizer" or "XLMRobertaTokenizer" =>
            [
                ("bos_token", "<s>"), ("eos_token", "</s>"), ("sep_token", "</s>"), ("cls_token", "<s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>"),
            ],
            "BloomTokenizer" => [("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "<pad>")],
            "T5Tokenizer" => [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")],
            _ => [],
        };
    }
}
