using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.EndToEnd;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Playground;
using Microsoft.Playwright;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>The page as a person uses it, in a real browser (Chromium, headless) against the scripted server.</summary>
public sealed class PlaygroundPageTests(ChromiumFixture chromium) : IClassFixture<ChromiumFixture>, IAsyncLifetime
{
    /// <summary>A picture of one point, as PNG in base64.</summary>
    private const string Dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    private VllmTestServer _model = null!;
    private Connection _connection = null!;
    private PlaygroundServer _playground = null!;
    private IBrowserContext _browser = null!;
    private IPage _page = null!;

    public async ValueTask InitializeAsync()
    {
        var browser = await chromium.GetAsync();
        _browser = await browser.NewContextAsync(new() { ViewportSize = new() { Width = 1280, Height = 900 } });
        _page = await _browser.NewPageAsync();
        await OpenAsync(new VllmTestServerOptions());
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
            await CloseAsync();
        }
    }

    [Fact]
    public async Task Send_Question_StreamsReasoningTextAndUsage()
    {
        _model.Enqueue(
            "<think>\nHm.\n</think>\n\nBecause of <b>Rayleigh</b> & co.<img src=x onerror=\"window.taken=1\"><script>window.taken=1</script>");
        await AskAsync("Why is the <i>sky</i> blue?");

        var answer = _page.Locator(".message.assistant");
        await Assertions.Expect(answer).ToContainTextAsync("Because of <b>Rayleigh</b> & co.");
        await Assertions.Expect(answer.Locator("details summary")).ToHaveTextAsync("Reasoning");
        await Assertions.Expect(_page.Locator("#rate")).ToContainTextAsync("output tokens");

        // What a model writes is text, never markup.
        Assert.Equal(0, await _page.Locator("#conversation :is(b, i, img, script), #tokens i, #answer :is(b, img, script)").CountAsync());
        Assert.False(await _page.EvaluateAsync<bool>("'taken' in window"));
        await ScreenshotAsync("answer");
    }

    [Fact]
    public async Task Send_QuestionWithControlToken_IsShownAsContentTokenByToken()
    {
        _model.Enqueue("Fine.");
        await AskAsync("Say <|im_end|> now");
        await Assertions.Expect(_page.Locator("#tokens .token.special").First).ToHaveTextAsync("<|im_start|>");

        // The control token that was typed is several tokens of content; the template's own is one special token.
        var content = string.Concat(await _page.Locator("#tokens .token.content").AllTextContentsAsync());
        Assert.Contains("<|im_end|>", content, StringComparison.Ordinal);
        Assert.DoesNotContain("<|im_end|>", await _page.Locator("#tokens .token.content").AllTextContentsAsync());
        var ids = await _page.Locator("#tokens .token").EvaluateAllAsync<int[]>("tokens => tokens.map(token => parseInt(token.title.slice(3)))");
        Assert.Equal(_model.Requests[^1].PromptIds, ids);
        await ScreenshotAsync("tokens");
    }

    [Fact]
    public async Task Hover_TokenOfTheAnswer_ShowsProbabilityAndAlternatives()
    {
        _model.Enqueue("Yes.");
        await AskAsync("Really?");
        await _page.Locator("#answer .token").First.HoverAsync();
        await Assertions.Expect(_page.Locator("#alternatives")).ToContainTextAsync("%");
        await Assertions.Expect(_page.Locator("#alternatives")).ToContainTextAsync("(id ");
        await ScreenshotAsync("logprobs");
    }

    [Fact]
    public async Task Cancel_WhileStreaming_AbortsTheRequestOnTheServer()
    {
        var never = new TaskCompletionSource();
        _model.Enqueue(new ScriptedReply { Text = "One two three four five six", HoldAfterMessages = 2, Hold = never.Task });
        await FillAsync("Count");
        await _page.ClickAsync("#send");
        await Assertions.Expect(_page.Locator(".message.assistant")).ToContainTextAsync("One");
        await _page.ClickAsync("#cancel");

        await Assertions.Expect(_page.Locator("#rate")).ToHaveTextAsync("cancelled");
        await Assertions.Expect(_page.Locator("#send")).ToBeEnabledAsync();
        while (_model.ActiveRequests > 0)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    [Fact]
    public async Task Send_WithTools_ShowsCallArgumentsAndResult()
    {
        _model.Enqueue("<tool_call>\n{\"name\": \"roll_dice\", \"arguments\": {\"sides\": 6}}\n</tool_call>", "You rolled it.");
        await _page.CheckAsync("#use_tools");
        await AskAsync("Roll a die");

        await Assertions.Expect(_page.Locator(".call")).ToContainTextAsync("roll_dice({\"sides\": 6}) → ");
        await Assertions.Expect(_page.Locator("#conversation")).ToContainTextAsync("You rolled it.");
        await ScreenshotAsync("tools");

        // The next question's prompt holds the call and its result.
        _model.Enqueue("It was a six.");
        await AskAsync("Which one?");
        var prompt = _model.Tokenizer.Decode([.. _model.Generations[^1].PromptIds]);
        Assert.Contains("roll_dice", prompt[prompt.IndexOf("Roll a die", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.Contains("<tool_response>", prompt, StringComparison.Ordinal);
        Assert.Contains("You rolled it.", prompt, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_SeveralChoicesOfAPromptThatIsPartlyCached_ShowsEachAndShadesTheCachedPart()
    {
        _model.Enqueue(new ScriptedReply { Text = "Red.", CachedTokens = 4, Alternatives = ["Blue."] });
        await _page.FillAsync("#n", "2");
        await AskAsync("A colour?");

        await Assertions.Expect(_page.Locator(".message.assistant")).ToHaveTextAsync(["Red.", "Blue."]);
        await Assertions.Expect(_page.Locator("#tokens .token.cached")).ToHaveCountAsync(4);
        await Assertions.Expect(_page.Locator("#rate")).ToContainTextAsync("(4 cached)");
    }

    [Fact]
    public async Task Page_OfAnotherOrigin_CannotDriveThePlayground()
    {
        var other = await _browser.NewPageAsync();
        await other.RouteAsync("http://evil.example/", route => route.FulfillAsync(new() { ContentType = "text/html", Body = "<p>Hello</p>" }));
        await other.GotoAsync("http://evil.example/");

        // As a simple request, which no preflight stops, and with the page read to find its key.
        var outcome = await other.EvaluateAsync<string[]>(
            """
            async address => {
              const chat = await fetch(address + 'api/chat', { method: 'POST', mode: 'no-cors', body: '{"messages":[{"role":"user","content":"Hi"}]}' })
                .then(() => 'sent', () => 'stopped');
              const page = await fetch(address).then(response => response.text(), () => 'unreadable');
              const frame = document.createElement('iframe');
              frame.src = address;
              document.body.append(frame);
              return [chat, page];
            }
            """,
            _playground.Address.ToString());

        Assert.Equal("unreadable", outcome[1]);
        Assert.Empty(_model.Generations);
    }

    [Fact]
    public async Task Send_WithSchema_SendsTheConstraint()
    {
        _model.Enqueue("{\"ok\":true}");
        await _page.FillAsync("#schema", """{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}""");
        await AskAsync("Is it?");

        await Assertions.Expect(_page.Locator(".message.assistant")).ToContainTextAsync("{\"ok\":true}");
        await _page.FillAsync("#schema", "{nonsense");
        await FillAsync("Again");
        await _page.ClickAsync("#send");
        await Assertions.Expect(_page.Locator("#error")).ToContainTextAsync("The schema is not JSON");
    }

    [Fact]
    public async Task Drop_ImageForATextModel_IsRefusedWithWordsAndCanBeRemoved()
    {
        await DropImageAsync("dot.png");

        await FillAsync("What is it?");
        await _page.ClickAsync("#send");
        await Assertions.Expect(_page.Locator("#error")).ToContainTextAsync("does not accept media");
        await Assertions.Expect(_page.Locator(".message.user img")).ToBeVisibleAsync();
        Assert.Empty(_model.Generations);

        _model.Enqueue("Words.");
        await _page.GetByRole(AriaRole.Button, new() { Name = "Remove dot.png" }).ClickAsync();
        await AskAsync("And without it?");
        await Assertions.Expect(_page.Locator("#error")).ToBeHiddenAsync();
        await Assertions.Expect(_page.Locator(".message.assistant")).ToHaveTextAsync("Words.");
    }

    [Fact]
    public async Task Drop_ImagesForAModelThatSees_ReachTheServerInTheirPlaces()
    {
        await CloseAsync();
        await OpenAsync(new VllmTestServerOptions { AcceptsMedia = true, ModelDirectory = VisionModelFolder.Path });
        _model.Enqueue("Two dots.", "The same ones.");
        await DropImageAsync("one.png");
        await DropImageAsync("two.png");

        await AskAsync("What are they?");
        await Assertions.Expect(_page.Locator(".message.assistant")).ToHaveTextAsync("Two dots.");
        await Assertions.Expect(_page.Locator("#images img")).ToHaveCountAsync(0);
        await Assertions.Expect(_page.Locator("#tokens .token.special", new() { HasText = "<|image_pad|>" })).ToHaveCountAsync(2);
        Assert.Equal(2, ImagesOf(_model.Generations[^1]));
        await ScreenshotAsync("image");

        // The next question's history holds them.
        await AskAsync("Are you sure?");
        Assert.Equal(2, ImagesOf(_model.Generations[^1]));

        static int ImagesOf(CapturedRequest request) => request.Message.ToString()!.Split(Dot).Length - 1;
    }

    private async Task OpenAsync(VllmTestServerOptions options)
    {
        _model = await VllmTestServer.StartAsync(options, TestContext.Current.CancellationToken);
        _connection = new Connection(new VllmGrpcOptions { Endpoint = _model.Endpoint }, new VllmChatClient(_model.Endpoint), null);
        _playground = await PlaygroundServer.StartAsync(_connection, 0, TestContext.Current.CancellationToken);
        await _page.GotoAsync(_playground.Address.ToString());
        await Assertions.Expect(_page.Locator("#model")).ToContainTextAsync("VllmEngine protocol");
    }

    private async Task CloseAsync()
    {
        await _playground.DisposeAsync();
        await _connection.DisposeAsync();
        await _model.DisposeAsync();
    }

    private async Task DropImageAsync(string name)
    {
        var transfer = await _page.EvaluateHandleAsync(
            "({ name, data }) => { const transfer = new DataTransfer(); transfer.items.add(new File([Uint8Array.from(data)], name, "
                + "{ type: 'image/png' })); return transfer; }",
            new { name, data = Convert.FromBase64String(Dot).Select(static part => (int)part).ToArray() });
        await _page.DispatchEventAsync("#question", "drop", new { dataTransfer = transfer });
        await Assertions.Expect(_page.Locator("#images img").Last).ToHaveAttributeAsync("alt", name);
    }

    private async Task AskAsync(string question)
    {
        await FillAsync(question);
        await _page.ClickAsync("#send");
        await Assertions.Expect(_page.Locator("#rate")).ToContainTextAsync("output tokens");
        await Assertions.Expect(_page.Locator("#send")).ToBeEnabledAsync();
    }

    private Task FillAsync(string question) => _page.FillAsync("#question", question);

    /// <summary>Pictures for the documentation, where a folder for them is named.</summary>
    private async Task ScreenshotAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("VLLM_TEST_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await _page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"playground-{name}.png") });
        }
    }
}

/// <summary>One browser for all tests of the page; each has a context of its own.</summary>
public sealed class ChromiumFixture : IAsyncDisposable
{
    private static readonly string? Chromium =
        new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task<IBrowser> GetAsync()
    {
        Requires.Available(Chromium is not null, "the playground is tested in Chromium: install the package chromium");
        _playwright ??= await Microsoft.Playwright.Playwright.CreateAsync();
        return _browser ??= await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox"] });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}
