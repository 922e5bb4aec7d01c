namespace Connectors.Vllm.Tests.Models;

public sealed class ModelFileSetTests
{
    [Theory]
    [InlineData("tokenizer.json", true)]
    [InlineData("tekken.json", true)]
    [InlineData("tiktoken.model", true)]
    [InlineData("qwen.tiktoken", true)]
    [InlineData("config.json", false)]
    public void HasTokenizer_EachKindOfFile_IsRecognized(string name, bool expected)
    {
        var files = new Dictionary<string, ReadOnlyMemory<byte>> { [name] = new byte[] { 1 } };

        Assert.Equal(expected, new ModelFileSet(files, "a test").HasTokenizer);
        Assert.True(ModelFileNames.IsWanted(name));
    }
}
