namespace Connectors.Vllm.Tests.Contract;

/// <summary>
/// What consumers of Microsoft.Extensions.AI expect of every provider, point by point, gathered from the unit tests of other providers and from what
/// the middleware relies on. Tests say with <see cref="ContractPointAttribute"/> which point they prove.
/// </summary>
internal static class ContractPoints
{
    public static IReadOnlyDictionary<int, string> All { get; } = new Dictionary<int, string>
    {
        [1] = "Constructors refuse null, naming the parameter",
        [2] = "Metadata has provider, address and model",
        [3] = "GetService finds the client, metadata, engine and tokenizer; null for unknown types and any key; null type throws",
        [4] = "Dispose twice is fine, later calls throw, a borrowed connection stays open",
        [5] = "A plain call sends exactly the expected request",
        [6] = "A plain streaming call gives exactly the expected updates",
        [7] = "Every option set: exactly the expected request",
        [8] = "Every option null: the same request as without options",
        [9] = "The raw request wins where it is set, is filled where not, and is ignored when null or foreign",
        [10] = "The raw request's factory is called with the client",
        [11] = "Options are the same after a call, compared deeply",
        [12] = "Two calls may share options",
        [13] = "ModelId overrides the default model",
        [14] = "Instructions with and without system messages, and without any message",
        [15] = "System messages of several parts",
        [16] = "Empty contents in each role",
        [17] = "Assistant messages with text and calls",
        [18] = "Several results in one tool message, of every kind",
        [19] = "Calls without results, results without calls",
        [20] = "Reasoning in the history is kept or dropped by policy",
        [21] = "Author names",
        [22] = "Unknown roles",
        [23] = "Unknown contents are skipped",
        [24] = "Images as bytes and by address; media types no model takes",
        [25] = "Stop sequences join those of the raw request",
        [26] = "Stop sequences: empty ones, many",
        [27] = "Every finish reason",
        [28] = "No finish reason",
        [29] = "Tool calls: none, one, two, interleaved, in fragments, without parameters, of broken JSON, of unknown tools; ids unique",
        [30] = "Streaming equals non-streaming",
        [31] = "Reasoning then text, reasoning only, reasoning cut at the limit",
        [32] = "Usage with cached and reasoning counts, once",
        [33] = "An answer of no tokens",
        [34] = "Characters split over messages",
        [35] = "Stop strings are cut",
        [36] = "Raw representations",
        [37] = "Server errors before the first message and in the middle",
        [38] = "A stream without any message",
        [39] = "What the last message repeats is not appended again",
        [40] = "Structured output comes through character by character",
        [41] = "A cancelled token: nothing is sent",
        [42] = "Cancelled in the middle: the server stops that very request",
        [43] = "An enumeration that is left: the server stops",
        [44] = "Deadlines",
        [45] = "Tokens of the parameter and of WithCancellation",
        [46] = "The tool loop: required once, two rounds",
        [47] = "Through a cache and back, also without reflection",
        [48] = "Services through a chain of delegating clients",
        [49] = "An answer sent back keeps the prompt's prefix",
        [50] = "Embeddings: order, count, usage, dimensions, model, empty input, cancellation, null in the list",
        [51] = "Registration: default, keyed, both, named options, validation, swapped providers, two endpoints, scopes, disposal, configuration",
    };
}
