namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// A token that is searched in the text before anything else happens to it: control tokens such as <c>&lt;|im_end|&gt;</c>, and
/// ordinary words or blank runs that a model adds to its vocabulary.
/// </summary>
/// <param name="Id">The token id. It is the id the tokenizer uses, which for odd files is not the id the file claims.</param>
/// <param name="Content">The text that is searched; never empty.</param>
/// <param name="IsSpecial">Control token: left out of decoded text when special tokens are skipped, never matched in ordinary text.</param>
/// <param name="SingleWord">Matches only where no word character stands directly before or after it.</param>
/// <param name="StripLeft">The match takes all white space before it along (<c>lstrip</c>).</param>
/// <param name="StripRight">The match takes all white space after it along (<c>rstrip</c>).</param>
/// <param name="Normalized">Searched in the normalized text instead of the raw text.</param>
public sealed record AddedToken(
    int Id,
    string Content,
    bool IsSpecial = false,
    bool SingleWord = false,
    bool StripLeft = false,
    bool StripRight = false,
    bool Normalized = false);
