using Connectors.Vllm.Constraints;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using static Connectors.Vllm.Oracle.Tests.Constraints.ConstraintScenario;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>Every way a constraint comes about, for any format.</summary>
internal static class ConstraintScenarios
{
    private const string Turn = "<|im_end|>\n";

    public static IReadOnlyDictionary<string, Func<string, ConstraintScenario>> All { get; } =
        new Dictionary<string, Func<string, ConstraintScenario>>
        {
            ["required"] = format => new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Required, Thinking = false })
                .AcceptsEveryCall().AcceptsParallel()
                .RefusesBrokenCalls().RefusesText().RefusesTextBehind(Plain),
            ["required, one call"] = format =>
                new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Required, AllowMultipleToolCalls = false, Thinking = false })
                .Accepts(Plain).Accepts(Empty)
                .RefusesParallel().RefusesText().RefusesTextBehind(Plain),
            ["named"] = format => new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Named("get_weather"), Thinking = false })
                .Accepts(Plain).Accepts(Nested)
                .Refuses(Empty).Refuses(Unicode).Refuses(Incomplete).RefusesText().RefusesTextBehind(Plain).RefusesParallel(),
            ["named, no parameters"] = format =>
                new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Named("now"), Thinking = false })
                .Accepts(Empty)
                .Refuses(Plain),
            ["auto, strict"] = format => new ConstraintScenario(format, new() { Thinking = false }, strict: true)
                .AcceptsText().AcceptsEveryCall().AcceptsParallel()
                .RefusesBrokenCalls(),
            ["auto, one call"] = format => new ConstraintScenario(format, new() { AllowMultipleToolCalls = false, Thinking = false })
                .AcceptsText().Accepts(Plain).Accepts(Incomplete)
                .RefusesParallel(),
            ["required, may think"] = format => new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Required, PromptTail = Turn })
                .AcceptsThinking(Plain).Accepts(Plain).Accepts(Empty)
                .RefusesText().RefusesThoughtOnly(),
            ["required, inside a thought"] = format => new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Required })
                .InsideReasoning()
                .AcceptsThinking(Plain).AcceptsThinking(Nested)
                .RefusesUnthought(Plain).RefusesThoughtOnly(),
            ["required, behind the thought"] = format =>
                new ConstraintScenario(format, new() { ToolChoice = OutputToolChoice.Required, Start = ConstraintStart.AfterReasoning })
                .InsideReasoning()
                .AcceptsAfterReasoning(Plain)
                .RefusesThinking(Plain),
            ["schema or call"] = format => new ConstraintScenario(format, new() { Answer = Schema, PromptTail = Turn })
                .AcceptsAnswer("""{"n": 1}""").Accepts(Plain).AcceptsThinking(Plain)
                .RefusesAnswer("""{"n": "x"}""").RefusesText().Refuses(Incomplete),
            ["schema"] = format => new ConstraintScenario(format, new() { Answer = Schema, PromptTail = Turn }, hasTools: false)
                .AcceptsAnswer("""{"n": 1}""")
                .RefusesAnswer("""{"n": "x"}""").RefusesAnswer("{\n\n\n\"n\": 1}").RefusesText(),
        };

    private static OutputConstraint Schema =>
        OutputConstraint.JsonSchema("""{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}""");
}
