using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tests;

/// <summary>Keeps everything that is logged, at every level.</summary>
internal sealed class ListLoggerFactory : ILoggerFactory
{
    public ConcurrentQueue<(string Category, LogLevel Level, EventId Id, string Text)> Entries { get; } = [];

    /// <summary>Completes with the first line, logged or to come, that contains the text.</summary>
    public Task WaitForAsync(string text)
    {
        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Logged += Look;
        Look();
        return waiter.Task;

        void Look()
        {
            if (Entries.Any(entry => entry.Text.Contains(text, StringComparison.Ordinal)))
            {
                waiter.TrySetResult();
            }
        }
    }

    private event Action? Logged;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public ILogger CreateLogger(string categoryName) => new ListLogger(categoryName, this);

    public void Dispose()
    {
    }

    private sealed class ListLogger(string category, ListLoggerFactory log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            log.Entries.Enqueue((category, logLevel, eventId, formatter(state, exception)));
            log.Logged?.Invoke();
        }
    }
}
