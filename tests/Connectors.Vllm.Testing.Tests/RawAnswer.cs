using Google.Protobuf;

namespace Connectors.Vllm.Testing.Tests;

internal sealed record RawAnswer(IReadOnlyList<byte[]> Messages, int? Status, string Detail, int HttpStatus)
{
    public IReadOnlyList<T> Parse<T>(MessageParser<T> parser)
        where T : IMessage<T> => [.. Messages.Select(parser.ParseFrom)];
}
