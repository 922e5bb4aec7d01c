namespace Connectors.Vllm.Tokenizers;

/// <summary>A decoded text together with where each token's part begins.</summary>
/// <param name="Text">The text of all tokens.</param>
/// <param name="Starts">
/// For token i of the ids, the UTF-16 offset in <paramref name="Text"/> where its text begins; its text ends where the next token's
/// begins. Tokens that only carry parts of one character all begin at that character, and the token that completes it owns it;
/// skipped and unknown tokens have no width.
/// </param>
public sealed record DecodedText(string Text, IReadOnlyList<int> Starts);
