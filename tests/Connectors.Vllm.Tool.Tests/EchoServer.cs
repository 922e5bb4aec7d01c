using System.Text.RegularExpressions;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>A server whose answers repeat the question, so that a result shows which request it belongs to. It fails as told.</summary>
internal sealed partial class EchoServer : IAsyncDisposable
{
    private readonly List<(int Count, TaskCompletionSource Reached)> _marks = [];
    private readonly Func<int, string, ServerFault?>? _fault;
    private readonly Func<string, Task?>? _hold;
    private readonly Lock _gate = new();
    private int _asked;

    private EchoServer(Func<int, string, ServerFault?>? fault, Func<string, Task?>? hold)
    {
        _fault = fault;
        _hold = hold;
    }

    public VllmTestServer Server { get; private set; } = null!;

    public string Endpoint => Server.Endpoint.ToString();

    /// <summary>Starts the server.</summary>
    /// <param name="fault">The fault of a request by its number, from 1, and its question; null answers all.</param>
    /// <param name="hold">What the answer to a question waits for; null waits for nothing.</param>
    public static async Task<EchoServer> StartAsync(Func<int, string, ServerFault?>? fault = null, Func<string, Task?>? hold = null)
    {
        var echo = new EchoServer(fault, hold);
        var options = new VllmTestServerOptions { Responder = echo.Answer, MaxCapturedRequests = 100 };
        echo.Server = await VllmTestServer.StartAsync(options, TestContext.Current.CancellationToken);
        return echo;
    }

    /// <summary>Completes when so many requests have come.</summary>
    public Task AskedAsync(int count)
    {
        lock (_gate)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_asked >= count)
            {
                reached.SetResult();
            }

            _marks.Add((count, reached));
            return reached.Task.WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    private ScriptedReply Answer(CapturedRequest request)
    {
        var question = Question().Match(Server.Tokenizer.Decode([.. request.PromptIds], skipSpecialTokens: true)).Value;
        int number;
        lock (_gate)
        {
            number = ++_asked;
            foreach (var (count, reached) in _marks)
            {
                if (number >= count)
                {
                    reached.TrySetResult();
                }
            }
        }

        return new ScriptedReply { Text = "echo: " + question, Fault = _fault?.Invoke(number, question), Hold = _hold?.Invoke(question) };
    }

    [GeneratedRegex(@"prompt \d+|one|two", RegexOptions.RightToLeft)]
    private static partial Regex Question();
}
