using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Records log lines at Information and above, and waits for lines.</summary>
internal sealed class LogRecorder : ILoggerFactory
{
    private readonly TaskCompletionSource _said = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _wanted = "\0";

    public ConcurrentQueue<(LogLevel Level, int Event, string Text)> Lines { get; } = [];

    public ConcurrentQueue<string> Categories { get; } = [];

    /// <summary>Completes when a line with this text is logged.</summary>
    public Task SaidAsync(string text)
    {
        Volatile.Write(ref _wanted, text);
        return _said.Task;
    }

    public ILogger CreateLogger(string categoryName)
    {
        Categories.Enqueue(categoryName);
        return new Logger(this);
    }

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private sealed class Logger(LogRecorder recorder) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var text = formatter(state, exception);
            recorder.Lines.Enqueue((logLevel, eventId.Id, text));
            if (text.Contains(Volatile.Read(ref recorder._wanted), StringComparison.Ordinal))
            {
                recorder._said.TrySetResult();
            }
        }
    }
}
