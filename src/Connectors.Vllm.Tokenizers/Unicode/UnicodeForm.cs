namespace Connectors.Vllm.Tokenizers;

/// <summary>Unicode normalization forms; the value is the form's bit in the quick-check table.</summary>
internal enum UnicodeForm
{
    /// <summary>Canonical decomposition, then composition.</summary>
    Nfc = 1,

    /// <summary>Canonical decomposition.</summary>
    Nfd = 2,

    /// <summary>Compatibility decomposition, then composition.</summary>
    Nfkc = 4,

    /// <summary>Compatibility decomposition.</summary>
    Nfkd = 8,
}
