using System.Text.Json.Nodes;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Videos and sound through the chat client, as images: by media type, one anchor each, checked before anything is sent.</summary>
public sealed class MediaTests : IDisposable
{
    private const string Template =
        "{% for m in messages %}{% for p in m.content %}"
        + "{% if p.type in ['image', 'video', 'audio'] %}<|{{ p.type }}_pad|>{% else %}{{ p.text }}{% endif %}"
        + "{% endfor %}{% endfor %}";

    private static readonly byte[] Film = [0, 0, 0, 24, .. "ftypmp42"u8, 1];
    private static readonly byte[] Sound = [.. "RIFF"u8, 36, 0, 0, 0, .. "WAVEfmt "u8];
    private static readonly byte[] Picture = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1];
    private readonly string _folder = MakeModel();

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Ask_AllKindsOverTwoMessages_GoInOrderWithOneAnchorEach(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);

        var response = await served.AskAsync(
        [
            new(ChatRole.User, [new DataContent(Film, "video/mp4"), new TextContent("What happens? ")]),
            new(ChatRole.User, [new DataContent(Sound, "audio/wav"), new DataContent(Picture, "image/png"), new TextContent("And here?")]),
        ]);

        Assert.Equal("<|video_pad|>What happens? <|audio_pad|><|image_pad|>And here?", served.LastPrompt);
        Assert.Equal([Bytes(Film), Bytes(Sound), Bytes(Picture)], served.LastSent.Media);
        Assert.Equal(served.LastSent.PromptIds.Count + 28 + 7 + 3, response.Usage!.InputTokenCount);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Ask_AddressOfAFilm_IsPassedOnForTheServerToFetch(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol);

        await served.AskAsync([new(ChatRole.User, [new UriContent("https://example.com/film.mp4", "video/mp4"), new TextContent("What happens?")])]);

        Assert.Equal(["https://example.com/film.mp4"], served.LastSent.Media);
    }

    [Theory]
    [InlineData("video")]
    [InlineData("audio")]
    public async Task Ask_TextThatLooksLikeAnAnchor_StaysText(string kind)
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine);

        await served.AskAsync([new(ChatRole.User, [new TextContent($"see <|{kind}_pad|> here: "), new DataContent(Film, "video/mp4")])]);

        var anchor = served.Server.Tokenizer.TokenToId($"<|{kind}_pad|>")!.Value;
        Assert.Equal(kind == "video" ? 1 : 0, served.LastSent.PromptIds.Count(id => id == anchor));
    }

    [Theory]
    [InlineData("video/mp4", "omits the video of message 1 of 1")]
    [InlineData("audio/wav", "omits the audio of message 1 of 1")]
    public async Task Ask_TemplateThatOmitsMedia_IsRefusedHere(string mediaType, string expected)
    {
        await using var served =
            await StartAsync(EmulatedServer.Inference, "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}");

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync(
            [new(ChatRole.User, [new DataContent(mediaType == "video/mp4" ? Film : Sound, mediaType), new TextContent("What?")])]));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Empty(served.Sent);
    }

    private static string Bytes(byte[] bytes) => "bytes:" + Convert.ToHexString(bytes);

    /// <summary>The small model with two more control tokens, one per further kind.</summary>
    private static string MakeModel()
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("tiny-media-").FullName);
        var path = Path.Combine(folder, "tokenizer.json");
        var tokenizer = JsonNode.Parse(File.ReadAllBytes(path))!;
        var added = tokenizer["added_tokens"]!.AsArray();
        var next = added.Max(token => token!["id"]!.GetValue<int>()) + 1;
        foreach (var text in new[] { "<|video_pad|>", "<|audio_pad|>" })
        {
            var token = added[^1]!.DeepClone();
            (token["id"], token["content"], token["special"]) = (next++, text, true);
            added.Add(token);
        }

        File.WriteAllText(path, tokenizer.ToJsonString());
        var configPath = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllBytes(configPath))!;
        (config["model_type"], config["video_token_id"], config["audio_token_id"]) = ("tiny_omni", next - 2, next - 1);
        File.WriteAllText(configPath, config.ToJsonString());
        return folder;
    }

    private Task<Served> StartAsync(EmulatedServer protocol, string template = Template) => Served.StartAsync(
        protocol,
        options => (options.AcceptsMedia, options.ModelDirectory, options.MaxAudios) = (true, _folder, 9),
        options => (options.ChatTemplate, options.ImageToken) = (template, "<|image_pad|>"));
}
