namespace Connectors.Vllm.Tokenizers;

/// <summary>The classes of code points that pre-tokenizer patterns ask for.</summary>
[Flags]
internal enum CharClass : ushort
{
    None = 0,

    /// <summary><c>\p{L}</c></summary>
    Letter = 1,

    /// <summary><c>\p{M}</c></summary>
    Mark = 2,

    /// <summary><c>\p{N}</c></summary>
    Number = 4,

    /// <summary><c>\p{P}</c></summary>
    Punctuation = 8,

    /// <summary><c>\p{S}</c></summary>
    Symbol = 16,

    /// <summary><c>\s</c></summary>
    Space = 32,

    /// <summary>CR or LF, which are spaces too.</summary>
    LineBreak = 64,

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]</c></summary>
    Upper = 128,

    /// <summary><c>[\p{Ll}\p{Lm}\p{Lo}\p{M}]</c></summary>
    Lower = 256,

    /// <summary><c>\p{Han}</c> (a script, not a category)</summary>
    Han = 512,

    /// <summary>DeepSeek's <c>[一-龥぀-ゟ゠-ヿ]</c></summary>
    DeepSeekCjk = 1024,

    /// <summary>What the Digits pre-tokenizer takes for a number (a newer Unicode version than <c>\p{N}</c>).</summary>
    Numeric = 2048,
}
