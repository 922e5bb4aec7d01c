using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>SentencePiece itself, which also trains models. One per test class.</summary>
public sealed class SentencePieceOracle : IDisposable
{
    private readonly OracleProcess _process = new(OracleProcess.Python, "sentencepiece_oracle.py", "python3-sentencepiece is not installed");

    /// <summary>Trains a model and returns its file.</summary>
    public byte[] Train(IEnumerable<string> lines, JsonObject options)
    {
        var prefix = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            _process.Ask(new JsonObject
            {
                ["op"] = "train",
                ["lines"] = OracleProcess.Strings(lines),
                ["prefix"] = prefix,
                ["options"] = options.DeepClone(),
            });
            return File.ReadAllBytes(prefix + ".model");
        }
        finally
        {
            File.Delete(prefix + ".model");
            File.Delete(prefix + ".vocab");
        }
    }

    public void Load(byte[] model)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, model);
            _process.Ask(new JsonObject { ["op"] = "load", ["path"] = path });
        }
        finally
        {
            File.Delete(path);
        }
    }

    public int[][] Encode(IEnumerable<string> texts) =>
        OracleProcess.Lists(_process.Ask(new JsonObject { ["op"] = "encode", ["texts"] = OracleProcess.Strings(texts) })["ids"]!);

    public string[] Decode(IEnumerable<int[]> lists) =>
        OracleProcess.Texts(_process.Ask(new JsonObject { ["op"] = "decode", ["lists"] = OracleProcess.Numbers(lists) })["texts"]!);

    public void Dispose() => _process.Dispose();
}
