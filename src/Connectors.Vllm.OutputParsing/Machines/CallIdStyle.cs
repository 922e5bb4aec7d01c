using System.Security.Cryptography;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>The shape of call ids a format wants when its template prints them again.</summary>
internal sealed class CallIdStyle
{
    /// <summary>The model's own id where its format has one, else <c>call_</c> and 24 hex digits.</summary>
    public static readonly CallIdStyle Default = new((_, _, _, own) =>
        own is { Length: > 0 and <= 128 } ? own : "call_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));

    /// <summary>Nine letters and digits, the model's own where it wrote some: Mistral's templates refuse anything else.</summary>
    public static readonly CallIdStyle Mistral = new((_, _, _, own) => own is { Length: 9 } && own.All(char.IsAsciiLetterOrDigit)
        ? own
        : RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 9));

    /// <summary>The model's own id, else <c>functions.NAME:K</c> with K counted over the conversation.</summary>
    public static readonly CallIdStyle Kimi = new((global, _, name, own) => own ?? $"functions.{name}:{global}");

    /// <summary><c>NAME:ORDINAL</c>.</summary>
    public static readonly CallIdStyle KimiK3 = new((_, index, name, _) => $"{name}:{index}");

    private readonly Func<int, int, string, string?, string> _make;

    private CallIdStyle(Func<int, int, string, string?, string> make) => _make = make;

    public string Make(int globalIndex, int index, string name, string? modelId) => _make(globalIndex, index, name, modelId);
}
