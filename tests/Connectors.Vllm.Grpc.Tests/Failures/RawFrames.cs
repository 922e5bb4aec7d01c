using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Answers in frames that are unusual, wrong, or never end.</summary>
internal static class RawFrames
{
    public static readonly byte[] Chunk = new GenerateResponse { Chunk = new() { TokenIds = { 7, 8 }, PromptTokens = 3 } }.ToByteArray();

    public static readonly byte[] Complete = new GenerateResponse
    { Complete = new() { OutputIds = { 8 }, FinishReason = "stop", PromptTokens = 3 } }.ToByteArray();

    private static readonly byte[] Both = [.. ReplayServer.Frame(Chunk), .. ReplayServer.Frame(Complete)];

    /// <summary>Allowed, if unusual: the answer comes through.</summary>
    public static readonly Dictionary<string, Func<RawStream, Task>> Legal = new()
    {
        ["one byte per frame"] = stream => BodyAsync(stream, Both.Chunk(1)),
        ["all messages in one frame"] = stream => BodyAsync(stream, [Both]),
        ["frames that end inside a prefix"] = stream => BodyAsync(stream, [Both[..3], Both[3..(Chunk.Length + 7)], Both[(Chunk.Length + 7)..]]),
        ["a thousand empty frames"] = stream => BodyAsync(stream, [.. Enumerable.Repeat(Array.Empty<byte>(), 1_000), Both]),
        ["padding"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            foreach (var piece in Both.Chunk(1))
            {
                await stream.SendAsync(FrameType.Data, FrameFlags.Padded, new byte[] { 255, piece[0] }.Concat(new byte[255]).ToArray());
            }

            await stream.TrailersAsync();
        },
        ["headers in one-byte continuations"] = async stream =>
        {
            // In one piece: no answer to a ping may come between them.
            var block = RawStream.Encode(RawStream.Grpc);
            await stream.Connection.SendRawAsync(
                RawConnection.Frame(FrameType.Headers, FrameFlags.None, stream.Id, default).Concat(block.SelectMany((part, i) => RawConnection.Frame(
                    FrameType.Continuation, i == block.Length - 1 ? FrameFlags.EndHeaders : FrameFlags.None, stream.Id, new[] { part }))).ToArray());
            await stream.DataAsync(Both);
            await stream.TrailersAsync();
        },
        ["fifty pings"] = stream => BetweenAsync(stream, 50, () => stream.SendAsync(FrameType.Ping, FrameFlags.None, new byte[8], 0)),
        ["fifty settings"] = stream =>
            BetweenAsync(stream, 50, () => stream.SendAsync(FrameType.Settings, FrameFlags.None, new byte[] { 0, 3, 0, 0, 0, 1 }, 0)),
        ["a window that shrinks below nothing"] = stream =>
            BetweenAsync(stream, 1, () => stream.SendAsync(FrameType.Settings, FrameFlags.None, new byte[] { 0, 4, 0, 0, 0, 0 }, 0)),
        ["settings that do not exist"] = stream =>
            BetweenAsync(stream, 1, () => stream.SendAsync(FrameType.Settings, FrameFlags.None, new byte[] { 0xAB, 0xCD, 1, 2, 3, 4 }, 0)),
        ["a thousand window updates"] = stream =>
            BetweenAsync(stream, 1_000, () => stream.SendAsync(FrameType.WindowUpdate, FrameFlags.None, new byte[] { 0, 0, 0, 1 }, 0)),
        ["priorities"] = stream =>
            BetweenAsync(stream, 100, () => stream.SendAsync(FrameType.Priority, FrameFlags.None, new byte[] { 0, 0, 0, 0, 9 })),
        ["a farewell that lets the answer end"] = stream => BetweenAsync(stream, 1, () => GoAwayAsync(stream, stream.Id, 0)),
        ["informational answers before the real one"] = async stream =>
        {
            await stream.HeadersAsync(end: false, [(":status", "103"), ("link", "</a>")]);
            await stream.HeadersAsync(end: false, [(":status", "100")]);
            await stream.AnswerAsync([Chunk, Complete]);
        },
        ["another content type of gRPC"] = stream => WithHeadersAsync(stream, [RawStream.Ok, ("content-type", "application/grpc+proto")]),
        ["a hundred headers nobody knows"] = stream =>
            WithHeadersAsync(stream, [.. RawStream.Grpc, .. Enumerable.Range(0, 100).Select(i => ($"x-{i}", new string('v', 100)))]),
        ["binary metadata that is no base64"] = stream => WithHeadersAsync(stream, [.. RawStream.Grpc, ("x-bin", "%%%")]),
        ["a header's name in capitals"] = stream => WithHeadersAsync(stream, [RawStream.Ok, ("Content-Type", "application/grpc")]),
        ["a line break in a header"] = stream => WithHeadersAsync(stream, [.. RawStream.Grpc, ("x", "a\r\nb: c")]),
        ["a reset behind the end"] = async stream =>
        {
            await stream.AnswerAsync([Chunk, Complete]);
            await ResetAsync(stream, 0);
        },
        ["bytes on a stream that is over"] = async stream =>
        {
            await stream.AnswerAsync([Chunk, Complete]);
            await stream.MessageAsync(Chunk);
        },
        ["a reason that is no text, with status OK"] = stream => WithTrailersAsync(stream, ("grpc-status", "0"), ("grpc-message", "%zz%")),
    };

    /// <summary>Wrong: the documented exception.</summary>
    public static readonly Dictionary<string, Func<RawStream, Task>> Broken = new(Resets().Concat(Statuses()))
    {
        ["a farewell with an error"] = async stream =>
        {
            await BeginAsync(stream);
            await GoAwayAsync(stream, 0, 2);
            stream.Connection.Close(cut: false);
        },
        ["the connection cut inside a frame"] = async stream =>
        {
            await BeginAsync(stream);
            await stream.Connection.SendRawAsync(RawConnection.Frame(FrameType.Data, FrameFlags.None, stream.Id, new byte[100]).AsMemory(0, 40));
            stream.Connection.Close(cut: true);
        },
        ["another frame among headers"] = async stream =>
        {
            await stream.SendAsync(FrameType.Headers, FrameFlags.None, RawStream.Encode(RawStream.Ok));
            await stream.SendAsync(FrameType.Ping, FrameFlags.None, new byte[8], 0);
        },
        ["continuations without end"] = async stream =>
        {
            await stream.SendAsync(FrameType.Headers, FrameFlags.None, RawStream.Encode(RawStream.Grpc));
            while (!stream.Left.IsCancellationRequested)
            {
                await stream.SendAsync(FrameType.Continuation, FrameFlags.None, RawStream.Encode(("x", new string('v', 10_000))));
            }
        },
        ["empty continuations without end"] = async stream =>
        {
            await stream.SendAsync(FrameType.Headers, FrameFlags.None, RawStream.Encode(RawStream.Grpc));
            while (!stream.Left.IsCancellationRequested)
            {
                await stream.SendAsync(FrameType.Continuation, FrameFlags.None, default);
            }
        },
        ["a header of a megabyte"] = async stream =>
        {
            await stream.SendAsync(FrameType.Headers, FrameFlags.None, default);
            foreach (var part in RawStream.Encode([.. RawStream.Grpc, ("x", new string('v', 1 << 20))]).Chunk(16_384))
            {
                await stream.SendAsync(FrameType.Continuation, FrameFlags.None, part);
            }

            await stream.SendAsync(FrameType.Continuation, FrameFlags.EndHeaders, default);
        },
        ["trailers of a megabyte"] = async stream =>
        {
            await BeginAsync(stream);
            await stream.SendAsync(FrameType.Headers, FrameFlags.EndStream, default);
            foreach (var part in RawStream.Encode(("grpc-status", "0"), ("x", new string('v', 1 << 20))).Chunk(16_384))
            {
                await stream.SendAsync(FrameType.Continuation, FrameFlags.None, part);
            }

            await stream.SendAsync(FrameType.Continuation, FrameFlags.EndHeaders, default);
        },
        ["headers that point outside of the table"] = stream =>
            stream.SendAsync(FrameType.Headers, FrameFlags.EndHeaders, new byte[] { 0xFF, 0xFF, 0x7F }),
        ["a table that grows to 2 GiB"] = stream =>
            stream.SendAsync(FrameType.Headers, FrameFlags.EndHeaders, new byte[] { 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0x07 }),
        ["a Huffman code that does not exist"] = stream =>
            stream.SendAsync(FrameType.Headers, FrameFlags.EndHeaders, new byte[] { 0x00, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x61 }),
        ["no status"] = stream => WithHeadersAsync(stream, [RawStream.Type]),
        ["the status twice"] = stream => WithHeadersAsync(stream, [RawStream.Ok, RawStream.Ok, RawStream.Type]),
        ["a status that is no number"] = stream => WithHeadersAsync(stream, [(":status", "abc"), RawStream.Type]),
        ["status 99"] = stream => WithHeadersAsync(stream, [(":status", "99"), RawStream.Type]),
        ["status 204"] = stream => WithHeadersAsync(stream, [(":status", "204"), RawStream.Type]),
        ["status 302"] = stream => WithHeadersAsync(stream, [(":status", "302"), ("location", "http://elsewhere/"), RawStream.Type]),
        ["status 500"] = stream => WithHeadersAsync(stream, [(":status", "500"), RawStream.Type]),
        ["no content type"] = stream => WithHeadersAsync(stream, [RawStream.Ok]),
        ["the content type of a page"] = stream => WithHeadersAsync(stream, [RawStream.Ok, ("content-type", "text/html")]),
        ["an encoding nobody offered"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc, ("grpc-encoding", "br"));
            await stream.DataAsync(new byte[] { 1, 0, 0, 0, 1, 0 });
            await stream.TrailersAsync();
        },
        ["an empty message that is compressed"] = stream => CompressedAsync(stream, []),
        ["a message that is compressed without an encoding"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(new byte[] { 1, 0, 0, 0, 0 });
            await stream.TrailersAsync();
        },
        ["a compressed message that is noise"] = stream => CompressedAsync(stream, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ["a message that ends early"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(Both.AsMemory(..^3));
            await stream.TrailersAsync();
        },
        ["an end inside the answer, without trailers"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(ReplayServer.Frame(Chunk), end: true);
        },
        ["trailers that do not end the stream"] = async stream =>
        {
            await BeginAsync(stream);
            await stream.HeadersAsync(end: false, [("grpc-status", "0")]);
        },
        ["bytes before headers"] = stream => stream.MessageAsync(Chunk),
        ["bytes on the stream of the connection"] = stream => stream.SendAsync(FrameType.Data, FrameFlags.None, new byte[5], 0),
        ["bytes on a stream nobody opened"] = stream => stream.SendAsync(FrameType.Data, FrameFlags.None, new byte[5], 9_999),
        ["a push"] = stream => stream.SendAsync(FrameType.PushPromise, FrameFlags.EndHeaders, new byte[] { 0, 0, 0, 2, 0x82 }),
        ["a frame longer than was agreed"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(new byte[(1 << 20) + 1]);
        },
        ["more bytes than the window allows"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(new byte[] { 0, 0x7F, 0xFF, 0xFF, 0xFF });
            while (!stream.Left.IsCancellationRequested)
            {
                await stream.DataAsync(new byte[16_384]);
            }
        },
        ["frames of an unknown type"] = stream =>
            BetweenAsync(stream, 1, () => stream.SendAsync(FrameType.Unknown, (FrameFlags)0xFF, new byte[100])),
        ["a window update of nothing"] = stream =>
            BetweenAsync(stream, 1, () => stream.SendAsync(FrameType.WindowUpdate, FrameFlags.None, new byte[4], 0)),
        ["a window that overflows"] = stream =>
            BetweenAsync(stream, 2, () => stream.SendAsync(FrameType.WindowUpdate, FrameFlags.None, new byte[] { 0x7F, 0xFF, 0xFF, 0xFF }, 0)),
        ["settings of a wrong length"] = stream => stream.SendAsync(FrameType.Settings, FrameFlags.None, new byte[5], 0),
        ["settings out of range"] = stream => stream.SendAsync(FrameType.Settings, FrameFlags.None, new byte[] { 0, 4, 0xFF, 0xFF, 0xFF, 0xFF }, 0),
        ["a ping of a wrong length"] = stream => stream.SendAsync(FrameType.Ping, FrameFlags.None, new byte[7], 0),
        ["padding longer than the frame"] = stream => stream.SendAsync(FrameType.Data, FrameFlags.Padded, new byte[] { 200, 1 }),
        ["words of another protocol"] = stream => stream.Connection.SendRawAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray()),
    };

    /// <summary>No violation, but no end either: the idle timeout applies.</summary>
    public static readonly Dictionary<string, Func<RawStream, Task>> Endless = new()
    {
        ["headers that are never ended"] = async stream =>
        {
            await stream.Connection.SendLastAsync(FrameType.Headers, FrameFlags.None, stream.Id, RawStream.Encode(RawStream.Grpc));
            await stream.HangAsync();
        },
        ["a message that never comes"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(new byte[] { 0, 0, 0, 1, 0 });
            await stream.HangAsync();
        },
        ["a message that drips"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await stream.DataAsync(new byte[] { 0, 0, 1, 0, 0 });
            await FloodAsync(stream, () => stream.DataAsync(new byte[1]));
        },
        ["empty frames"] = async stream =>
        {
            await stream.HeadersAsync(end: false, RawStream.Grpc);
            await FloodAsync(stream, () => stream.DataAsync(default));
        },
        ["informational answers"] = stream => FloodAsync(stream, () => stream.HeadersAsync(end: false, [(":status", "100")])),
        ["pings"] = stream => FloodAsync(stream, () => stream.SendAsync(FrameType.Ping, FrameFlags.None, new byte[8], 0)),
        ["settings"] = stream => FloodAsync(stream, () => stream.SendAsync(FrameType.Settings, FrameFlags.None, default, 0)),
    };

    private static async Task BeginAsync(RawStream stream)
    {
        await stream.HeadersAsync(end: false, RawStream.Grpc);
        await stream.MessageAsync(Chunk);
    }

    private static async Task BodyAsync(RawStream stream, IEnumerable<byte[]> frames)
    {
        await stream.HeadersAsync(end: false, RawStream.Grpc);
        foreach (var frame in frames)
        {
            await stream.DataAsync(frame);
        }

        await stream.TrailersAsync();
    }

    /// <summary>Something in the middle of an answer.</summary>
    private static async Task BetweenAsync(RawStream stream, int times, Func<Task> send)
    {
        await BeginAsync(stream);
        for (var i = 0; i < times; i++)
        {
            await send();
        }

        await stream.MessageAsync(Complete);
        await stream.TrailersAsync();
    }

    private static async Task WithHeadersAsync(RawStream stream, (string Name, string Value)[] headers)
    {
        await stream.HeadersAsync(end: false, headers);
        await stream.DataAsync(Both);
        await stream.TrailersAsync();
    }

    private static async Task WithTrailersAsync(RawStream stream, params (string Name, string Value)[] trailers)
    {
        await stream.HeadersAsync(end: false, RawStream.Grpc);
        await stream.DataAsync(Both);
        await stream.TrailersAsync(trailers);
    }

    private static async Task CompressedAsync(RawStream stream, byte[] message)
    {
        await stream.HeadersAsync(end: false, RawStream.Grpc, ("grpc-encoding", "gzip"));
        var frame = ReplayServer.Frame(message);
        frame[0] = 1;
        await stream.DataAsync(frame);
        await stream.TrailersAsync();
    }

    /// <summary>The same until the client gives up, with a rest now and then so that the machine has time for others.</summary>
    private static async Task FloodAsync(RawStream stream, Func<Task> send)
    {
        while (!stream.Left.IsCancellationRequested)
        {
            await send();
            await Task.Delay(1, stream.Left);
        }
    }

    private static Task ResetAsync(RawStream stream, uint code) =>
        stream.SendAsync(FrameType.Reset, FrameFlags.None, BitConverter.GetBytes(System.Net.IPAddress.HostToNetworkOrder((int)code)));

    private static Task GoAwayAsync(RawStream stream, int last, byte code) =>
        stream.SendAsync(FrameType.GoAway, FrameFlags.None, new byte[] { 0, 0, (byte)(last >> 8), (byte)last, 0, 0, 0, code }, 0);

    private static IEnumerable<KeyValuePair<string, Func<RawStream, Task>>> Resets()
    {
        foreach (var code in Enumerable.Range(0, 14).Select(code => (uint)code).Append(uint.MaxValue))
        {
            yield return new($"reset {code} before headers", stream => ResetAsync(stream, code));
            yield return new($"reset {code} in the middle", async stream =>
            {
                await BeginAsync(stream);
                await ResetAsync(stream, code);
            });
        }
    }

    private static IEnumerable<KeyValuePair<string, Func<RawStream, Task>>> Statuses()
    {
        string[] codes = ["1", "2", "5", "15", "16", "17", "-1", "00", "0x1", "99999999999999999999", "", " ", "abc", "\u00e9"];
        foreach (var code in codes)
        {
            yield return new($"status '{code}' instead of an answer", stream =>
                stream.HeadersAsync(end: true, RawStream.Grpc, ("grpc-status", code), ("grpc-message", "%zz%ff%c3%28 \u001b[31m")));
            yield return new($"status '{code}' in the middle", async stream =>
            {
                await BeginAsync(stream);
                await stream.TrailersAsync(("grpc-status", code), ("grpc-message", new string('%', 10_000)));
            });
        }

        yield return new("OK without an answer", stream => stream.HeadersAsync(end: true, RawStream.Grpc, ("grpc-status", "0")));
    }
}
