namespace Connectors.Vllm.Tool.Terminal;

/// <summary>When, and how, to colour what streams: on a terminal only, and not with NO_COLOR (https://no-color.org).</summary>
internal static class Colors
{
    public const string Dim = "\u001b[2m";
    public const string Cyan = "\u001b[36m";
    public const string Reset = "\u001b[0m";

    public static bool Output => !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
}
