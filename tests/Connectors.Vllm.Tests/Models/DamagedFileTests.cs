using System.Text;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tests.Contract;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Tests.Models;

/// <summary>Model files are untrusted: with any content, the model is usable or the documented exception is thrown.</summary>
public sealed class DamagedFileTests : IDisposable
{
    private static readonly string[] Files =
    [
        "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json", "chat_template.jinja",
        "tekken.json",
    ];

    private static readonly string[] Contents =
    [
        "", "null", "[]", "\"x\"", "5", "{", "\uFEFF{}", """{"a":"\ud800"}""",
        """{"model_type":"\ud800","architectures":["\udc00"],"vocab_size":1e400}""",
        """{"eos_token_id":99999999999999999999,"max_position_embeddings":-1e300}""",
        """{"eos_token_id":[1,"2",null,-7,1.5,[]]}""",
        """{"temperature":1e999,"top_p":"x","top_k":1.5,"repetition_penalty":{},"min_p":-1e308}""",
        """{"eos_token":"\ud83d","bos_token":{"content":"\udc00"},"pad_token":5,"unk_token":{"content":null}}""",
        """{"chat_template":"\ud800{{ 1 }}","response_template":{"\ud800":"\udc00"}}""",
        """{"chat_template":[{"name":"\ud800","template":"\udc00"},{"name":5}]}""",
        """{"added_tokens_decoder":{"x":{},"-1":{"content":"a"},"99999999999":{"content":"b"},"7":{"content":"\ud800"}}}""",
        """{"added_tokens_decoder":[],"extra_special_tokens":{"a":"\ud800"},"additional_special_tokens":["\udc00",5]}""",
        """{"config":{"pattern":"\ud800","num_vocab_tokens":1e300},"vocab":[{"rank":-1,"token_bytes":"?"}],"special_tokens":[{"rank":1e99}]}""",
        """{"version":"1.0","model":{"type":"BPE","vocab":{"\ud800":0,"a":1e300},"merges":["\ud800 a"]}}""",
    ];

    private static readonly VllmGrpcOptions Options = new();

    private readonly string _folder = Directory.CreateTempSubdirectory("damaged-").FullName;

    public static TheoryData<string> Names => [.. Files];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task FromDirectoryAsync_AnyContent_IsUsableOrRefused(string name)
    {
        var path = Path.Combine(Copy(), name);
        var deep = new string('[', 5_000) + new string(']', 5_000);
        byte[][] contents =
        [
            .. Contents.Append(deep).Append($"{{\"a\":{deep}}}").Select(Encoding.UTF8.GetBytes),
            [.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8],
            [0xFF],
        ];
        foreach (var content in contents)
        {
            await LoadAsync(path, content);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task FromDirectoryAsync_ChangedBytes_IsUsableOrRefused(string name)
    {
        var rounds = Environment.GetEnvironmentVariable("VLLM_TEST_NIGHTLY") == "1" ? 2_000 : 20;
        var path = Path.Combine(Copy(), name);
        var original = File.Exists(path) ? await File.ReadAllBytesAsync(path, Served.Cancel) : Encoding.UTF8.GetBytes(Contents[14]);
        var random = new Random(20273);
        for (var round = 0; round < rounds; round++)
        {
            var bytes = original.ToArray();
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)"{}[]\":,\\0-e"[random.Next(11)];
            }

            await LoadAsync(path, random.Next(8) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
        }
    }

    /// <summary>
    /// Each value in each place of the model's JSON files, of long lists and tables in the first places; one in twenty in a normal run.
    /// </summary>
    [Theory]
    [InlineData("config.json")]
    [InlineData("generation_config.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("tokenizer.json")]
    public void Read_AnyValueInAnyPlace_IsUsableOrRefused(string name)
    {
        var step = Environment.GetEnvironmentVariable("VLLM_TEST_NIGHTLY") == "1" ? 1 : 20;
        var files = Directory.EnumerateFiles(Served.TinyModelFolder)
            .ToDictionary(path => Path.GetFileName(path), path => (ReadOnlyMemory<byte>)File.ReadAllBytes(path));
        var damaged = JsonVandal.Damage(Encoding.UTF8.GetString(files[name].Span)).Where((_, number) => number % step == 0);
        var (usable, refused) = (0, 0);
        foreach (var text in damaged)
        {
            files[name] = Encoding.UTF8.GetBytes(text);
            try
            {
                Use(VllmModelProfile.Create(
                    ModelAssets.Read(new ModelFileSet(files, "test"), Options), null, null, Options, NullLogger.Instance));
                usable++;
            }
            catch (VllmException)
            {
                refused++;
            }
        }

        Assert.True(usable > 0, "not one of the files can be used");
        TestContext.Current.TestOutputHelper?.WriteLine($"{usable} usable, {refused} refused");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task LoadAsync(string path, byte[] content)
    {
        await File.WriteAllBytesAsync(path, content, Served.Cancel);
        try
        {
            Use(await VllmModelProfile.FromDirectoryAsync(Path.GetDirectoryName(path)!, cancellationToken: Served.Cancel));
        }
        catch (VllmException)
        {
            // Documented; anything else fails the test.
        }
    }

    /// <summary>An error in a file may show only when it is used.</summary>
    private static void Use(VllmModelProfile profile)
    {
        _ = VllmPromptPreview.Create(profile, [new(ChatRole.User, "Hi <|im_end|> é\U0001F600")]);
        try
        {
            var ids = profile.Tokenizer.Encode("Hello, world <|im_end|> é\U0001F600");
            _ = profile.Tokenizer.Decode(ids, skipSpecialTokens: true);
            _ = profile.Tokenizer.DecodeWithStarts(ids);
        }
        catch (TokenizerException)
        {
            // The tokenizers' own family; clients wrap it.
        }
    }

    private string Copy()
    {
        foreach (var file in Directory.EnumerateFiles(Served.TinyModelFolder))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)), overwrite: true);
        }

        return _folder;
    }
}
