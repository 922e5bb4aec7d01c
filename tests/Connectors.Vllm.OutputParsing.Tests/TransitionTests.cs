using Connectors.Vllm.OutputParsing.ResponseTemplates;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>Every state machine makes the transitions it lists, all of them, and no other.</summary>
public sealed class TransitionTests
{
    [Fact]
    public void Push_AllCases_MakeEveryListedTransitionAndNoOther()
    {
        var made = new Dictionary<Transitions, HashSet<(string From, string To)>>();
        Transitions.Observer = (table, from, to) =>
        {
            Assert.True(table.Legal.Contains((from, to)), $"{table.Machine} went from {from} to {to}");
            if (!made.TryGetValue(table, out var pairs))
            {
                made[table] = pairs = [];
            }

            pairs.Add((from, to));
        };
        try
        {
            foreach (var item in CaseTable.All)
            {
                Parse(item.Format, item.Options, item.Output);
            }

            var random = new Random(5);
            foreach (var format in HostileOutputTests.AllFormats)
            {
                for (var i = 0; i < 30; i++)
                {
                    var pieces = HostileOutputTests.Pieces(format);
                    Parse(format, new OutputParserOptions { Tools = TestTools.All },
                        string.Concat(Enumerable.Range(0, 30).Select(_ => pieces[random.Next(pieces.Length)])));
                }
            }
        }
        finally
        {
            Transitions.Observer = null;
        }

        Assert.Equal(Machines.Order(), made.Keys.Select(table => table.Machine).Distinct().Order());
        Assert.All(made,
            machine => Assert.Empty(machine.Key.Legal.Except(machine.Value).Select(pair => $"{machine.Key.Machine}: {pair.From} to {pair.To}")));
    }

    private static string[] Machines =>
    [
        nameof(MarkupMachine), nameof(ChannelMachine), nameof(ResponseTemplateMachine), nameof(XmlCallReader), nameof(KeyValueReader),
        nameof(HeaderJsonReader),
        nameof(MinimaxM3Reader), nameof(DictReader), nameof(JsonBodyReader), nameof(PythonicReader),
    ];

    private static void Parse(OutputFormat format, OutputParserOptions options, string output)
    {
        var parser = OutputParser.Create(format, options);
        var events = new List<OutputEvent>();
        foreach (var character in output)
        {
            parser.Push([character], events);
        }

        parser.Finish("stop", events);
    }
}
