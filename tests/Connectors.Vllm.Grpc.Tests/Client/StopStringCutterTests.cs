using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class StopStringCutterTests
{
    [Fact]
    public void Push_AnyPieces_CutsAtTheFirstStopAndLosesNothing()
    {
        var text = Gen.Elements("a", "b", "ab", "aab").ListOf().Select(string.Concat);
        Prop.ForAll(
            Arb.From(Gen.Zip(text, Gen.Choose(0, int.MaxValue))),
            input =>
            {
                var stops = new[] { "aab", "bab", "bbbb" };
                var random = new Random(input.Item2);
                var cutter = new StopStringCutter(stops, keepStop: false);
                var result = "";
                for (var at = 0; at < input.Item1.Length;)
                {
                    var length = Math.Min(random.Next(1, 4), input.Item1.Length - at);
                    result += cutter.Push(input.Item1.Substring(at, length));
                    at += length;
                }

                result += cutter.Flush();

                var ends = stops.Select(stop => (Start: input.Item1.IndexOf(stop, StringComparison.Ordinal), stop.Length))
                    .Where(end => end.Start >= 0).ToList();
                if (ends.Count == 0)
                {
                    Assert.Equal(input.Item1, result);
                    return;
                }

                // The stop that completes first ends the text, of several the longest, whatever the pieces.
                var first = ends.OrderBy(end => end.Start + end.Length).ThenByDescending(end => end.Length).First();
                Assert.NotNull(cutter.Found);
                Assert.Equal(input.Item1[..first.Start], result);
            }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Push_KeepStop_KeepsIt()
    {
        var cutter = new StopStringCutter(["END"], keepStop: true);

        Assert.Equal("ok ", cutter.Push("ok E"));
        Assert.Equal("END", cutter.Push("NDing"));
        Assert.Equal("END", cutter.Found);
        Assert.Equal("", cutter.Push("more"));
    }

    [Fact]
    public void Flush_HeldBack_IsTextAfterAll()
    {
        var cutter = new StopStringCutter(["END"], keepStop: false);

        Assert.Equal("x", cutter.Push("xEN"));
        Assert.Equal("EN", cutter.Flush());
    }
}
