namespace Connectors.Vllm.Tokenizers;

/// <summary>What becomes of the matches of a Split (https://huggingface.co/docs/tokenizers/api/pre-tokenizers).</summary>
internal enum SplitBehavior
{
    /// <summary>Matches are dropped.</summary>
    Removed,

    /// <summary>Every match and every gap is a piece.</summary>
    Isolated,

    /// <summary>A match joins the gap before it; a match behind a match stands alone.</summary>
    MergedWithPrevious,

    /// <summary>A match joins the gap behind it; a match before a match stands alone.</summary>
    MergedWithNext,

    /// <summary>Matches in a row are one piece.</summary>
    Contiguous,
}
