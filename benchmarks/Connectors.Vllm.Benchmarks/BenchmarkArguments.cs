using System.Globalization;

namespace Connectors.Vllm.Benchmarks;

/// <summary>The options of a subcommand: <c>--name value</c> pairs and <c>--flag</c>s.</summary>
internal sealed class BenchmarkArguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public BenchmarkArguments(ReadOnlySpan<string> arguments)
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
            {
                throw new ArgumentException($"unexpected argument '{arguments[i]}': options are --name value");
            }

            var hasValue = i + 1 < arguments.Length && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal);
            _values[arguments[i][2..]] = hasValue ? arguments[i + 1] : "true";
            i += hasValue ? 1 : 0;
        }
    }

    /// <summary>The option's text, or null when it was not given.</summary>
    public string? Text(string name) => _values.GetValueOrDefault(name);

    /// <summary>The option's text; an error that names it when it was not given.</summary>
    public string Required(string name) => Text(name) ?? throw new ArgumentException($"the option --{name} is required");

    /// <summary>The option as a whole number, or <paramref name="otherwise"/> when it was not given.</summary>
    public int Number(string name, int otherwise) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>The server to play, by the protocol that --protocol names; VllmEngine when it was not given.</summary>
    public EmulatedServer Server() => Text("protocol") switch
    {
        null or nameof(EmulatedServer.VllmEngine) => EmulatedServer.VllmEngine,
        nameof(EmulatedServer.Inference) => EmulatedServer.Inference,
        var other => throw new ArgumentException($"--protocol {other}: use VllmEngine or Inference"),
    };

    /// <summary>True when the flag was given.</summary>
    public bool Flag(string name) => Text(name) is "true";
}
