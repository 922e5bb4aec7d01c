using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests;

/// <summary>The test server's small model, written to a temporary folder once per test run.</summary>
internal static class TinyModelFolder
{
    private static readonly Lazy<string> Written = new(() => TinyModel.WriteTo(Directory.CreateTempSubdirectory("tiny-model-").FullName));

    public static string Path => Written.Value;
}
