using System.Diagnostics;
using System.Text;
using System.Threading.Channels;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>A running peer_server.py: its address and its output.</summary>
internal sealed class PythonServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly StringBuilder _errors = new();

    private PythonServer(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                _lines.Writer.TryComplete();
            }
            else
            {
                _lines.Writer.TryWrite(line.Data);
            }
        };
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public Uri Endpoint { get; private set; } = null!;

    public static async Task<PythonServer> ConnectAsync(Process process, bool tls, CancellationToken cancellationToken)
    {
        var server = new PythonServer(process);
        var port = (await server.WaitForAsync("port ", cancellationToken))["port ".Length..];
        server.Endpoint = new Uri($"{(tls ? "https" : "http")}://127.0.0.1:{port}");
        return server;
    }

    /// <summary>Waits for a line that begins so.</summary>
    public async Task<string> WaitForAsync(string start, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await foreach (var line in _lines.Reader.ReadAllAsync(patience.Token))
            {
                if (line.StartsWith(start, StringComparison.Ordinal))
                {
                    return line;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Said below, with what the peer wrote.
        }

        lock (_errors)
        {
            throw new InvalidOperationException($"peer_server.py never said '{start}'. {_errors}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
