namespace Connectors.Vllm.Tokenizers;

/// <summary>The pre-tokenizer patterns that have a hand-written scanner.</summary>
internal enum ScannerKind
{
    /// <summary>No scanner: the general pre-tokenizer does it.</summary>
    None,

    /// <summary>GPT-2's pattern (also ByteLevel with <c>use_regex</c>).</summary>
    Gpt2,

    /// <summary>The Digits pre-tokenizer with single digits, then GPT-2's pattern (StarCoder, Command-R, SmolLM).</summary>
    DigitsGpt2,

    /// <summary>The same with a Split at every <c>\p{N}</c>, which knows fewer digits.</summary>
    NumbersGpt2,

    /// <summary>cl100k and Llama 3: numbers in groups of up to three.</summary>
    Cl100k,

    /// <summary>Qwen 2 to 3: cl100k with single number characters.</summary>
    Qwen2,

    /// <summary>Qwen 3.5: Qwen 2 with marks inside words.</summary>
    Qwen35,

    /// <summary>o200k: gpt-oss, gpt-4o, Llama 4.</summary>
    O200k,

    /// <summary>Mistral's tekken: o200k without contractions, single number characters.</summary>
    Tekken,

    /// <summary>Kimi K2: o200k with Han runs of their own.</summary>
    Kimi,

    /// <summary>DeepSeek V3 and R1: three Splits in a row.</summary>
    DeepSeekV3,
}
