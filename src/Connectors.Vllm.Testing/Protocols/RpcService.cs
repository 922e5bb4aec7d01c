using System.Collections.Frozen;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>One remote procedure: how its request is read and who answers.</summary>
/// <param name="Parser">Parser of the request message.</param>
/// <param name="Handle">Answers the call; returns when the last message is written, before the status.</param>
/// <param name="Kind">What the call is for.</param>
/// <param name="MaxRequestBytes">Largest request message, or null.</param>
internal sealed record RpcMethod(
    MessageParser Parser, Func<GrpcCall, CapturedRequest, Task> Handle, RpcKind Kind = RpcKind.Information, int? MaxRequestBytes = null);

internal enum RpcKind
{
    Information,

    /// <summary>Takes scripted replies, runs in the engine and can be aborted.</summary>
    Embedding,

    /// <inheritdoc cref="Embedding"/>
    Generation,
}

/// <summary>The procedures of one protocol, and what a server of it says when a call never reaches one.</summary>
internal abstract class RpcService
{
    private FrozenDictionary<string, RpcMethod>? _methods;

    public virtual bool AcceptsGzip => false;

    public RpcMethod? Find(string path) => (_methods ??= Methods().ToFrozenDictionary(StringComparer.Ordinal)).GetValueOrDefault(path);

    public virtual RpcFailure UnknownMethod(string path) => RpcFailure.Unimplemented();

    public virtual RpcFailure MalformedRequest(InvalidProtocolBufferException exception) => RpcFailure.Internal(exception.Message);

    /// <summary>The request id inside a message; empty where it has none.</summary>
    public abstract string RequestIdOf(IMessage message);

    /// <summary>All procedures by path, asked for once.</summary>
    protected abstract Dictionary<string, RpcMethod> Methods();
}
