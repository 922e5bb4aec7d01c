using Google.Protobuf;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>One remote procedure: how its request is read and who answers.</summary>
/// <param name="Parser">Parser of the request message.</param>
/// <param name="Handle">Answers the call; returns when the last message is written, before the status.</param>
/// <param name="IsInference">True for Generate and Embed: such calls take scripted replies, run in the engine and can be aborted.</param>
/// <param name="MaxRequestBytes">Largest request message, or null.</param>
internal sealed record RpcMethod(MessageParser Parser, Func<GrpcCall, CapturedRequest, Task> Handle, bool IsInference = false, int? MaxRequestBytes = null);
