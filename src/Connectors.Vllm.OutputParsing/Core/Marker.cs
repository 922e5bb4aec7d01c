namespace Connectors.Vllm.OutputParsing;

/// <summary>A marker of the output.</summary>
/// <param name="Text">Its characters.</param>
/// <param name="Kind">What it does.</param>
/// <param name="IsToken">True when it is one token of the vocabulary: where ids are known, only the token counts.</param>
internal sealed record Marker(string Text, MarkerKind Kind, bool IsToken);
