namespace Connectors.Vllm.Samples.Chat;

/// <summary>The options of the command line.</summary>
/// <param name="Endpoint">The vLLM gRPC server, or null to start the embedded test server.</param>
/// <param name="Prompt">One question to answer and exit, or null to chat interactively.</param>
/// <param name="System">A system message, or null.</param>
/// <param name="ModelDirectory">A tokenizer folder used by the client (and the embedded server), or null.</param>
/// <param name="Json">Write updates and the response as JSON lines.</param>
/// <param name="Statistics">Write time to first token, tokens per second and usage after each answer.</param>
internal sealed record ChatSettings(Uri? Endpoint, string? Prompt, string? System, DirectoryInfo? ModelDirectory, bool Json, bool Statistics);
