namespace Connectors.Vllm.Tokenizers;

/// <summary>Classes of the grapheme cluster rules; the order is that of the generated table.</summary>
internal enum GraphemeBreak : byte
{
    Other,
    CarriageReturn,
    LineFeed,
    Control,
    Extend,
    ZeroWidthJoiner,
    RegionalIndicator,
    Prepend,
    SpacingMark,
    HangulL,
    HangulV,
    HangulT,
    HangulLV,
    HangulLVT,
    Pictographic,
    Consonant,
    Linker,
}
