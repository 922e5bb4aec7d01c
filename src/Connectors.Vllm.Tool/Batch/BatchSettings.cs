using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>What a batch is to do.</summary>
internal sealed record BatchSettings
{
    /// <summary>File of requests; null or <c>-</c> is standard input.</summary>
    public string? Input { get; init; }

    /// <summary>File of results; null or <c>-</c> is standard output, which cannot be resumed.</summary>
    public string? Output { get; init; }

    public string? Errors { get; init; }

    public PromptTemplate? Csv { get; init; }

    public string? System { get; init; }

    public ChatOptions Defaults { get; init; } = new();

    /// <summary>Fingerprint of everything that changes answers.</summary>
    public string Fingerprint { get; init; } = "";

    public Shard Shard { get; init; } = Shard.All;

    public bool InOrder { get; init; } = true;

    public bool Restart { get; init; }

    public bool RetryFailed { get; init; }

    public ChatBatchOptions Run { get; init; } = new();

    public string ErrorPath => Errors ?? Path.ChangeExtension(Output!, ".errors" + Path.GetExtension(Output));

    public string JournalPath => Output + ".journal";
}

/// <summary>What a batch has done.</summary>
internal sealed record BatchSummary(long Done, long Failed, long Before, bool Complete, ChatBatchProgress Progress);

/// <summary>A step of a batch, for the progress display.</summary>
/// <param name="Progress">Where the engine stands.</param>
/// <param name="Before">Requests that an earlier run had done.</param>
/// <param name="Failed">Rows in the file of errors.</param>
internal readonly record struct BatchEvent(ChatBatchProgress Progress, long Before, long Failed);
