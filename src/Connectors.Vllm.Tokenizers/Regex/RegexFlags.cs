namespace Connectors.Vllm.Tokenizers;

/// <summary>Options that <c>(?imx)</c> switches.</summary>
[Flags]
internal enum RegexFlags
{
    None = 0,

    /// <summary><c>i</c>: letters match their other cases.</summary>
    IgnoreCase = 1,

    /// <summary><c>m</c>: the dot matches line breaks too.</summary>
    DotMatchesAll = 2,

    /// <summary><c>x</c>: white space and comments in the pattern do not count.</summary>
    Extended = 4,
}
