using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Tokenizers;
using GenerationRequest = Connectors.Vllm.Testing.Generation.GenerationRequest;

namespace Connectors.Vllm.Testing.Model;

/// <summary>
/// The built-in stand-in for a model. It reasons first if the tokenizer has think tags and the prompt leaves the reasoning open, calls the tool that
/// fits the question once, reports the tool's result, follows a constraint, and otherwise answers with a sentence or two around the user's own words.
/// </summary>
internal static partial class DemoModel
{
    private const int CountLimit = 1000;

    public static ScriptedReply Answer(ServedModel model, ConstraintStart constraintStart, GenerationRequest request)
    {
        var tokenizer = model.Tokenizer;
        var facts = PromptReader.Read(tokenizer.Decode(request.PromptIds));
        var writer = new ReplyWriter(tokenizer);
        var canThink = tokenizer.TokenToId("<think>") is not null && facts.IsChat;
        var willThink = facts.Think == ThinkState.Open || (canThink && facts.Think == ThinkState.Absent);
        if (request.Constraint is { } constraint)
        {
            var afterReasoning = constraintStart == ConstraintStart.AfterReasoning;
            if (!afterReasoning)
            {
                return Constrained(writer, constraint, facts).ToReply();
            }

            if (willThink || facts.Think == ThinkState.Closed)
            {
                return Constrained(Think(writer, facts, willThink), constraint, facts).ToReply();
            }

            // Such a server waits for the end of reasoning that never comes: free text comes back.
        }

        Think(writer, facts, willThink);
        return Speak(writer, facts).ToReply();
    }

    private static ReplyWriter Think(ReplyWriter writer, PromptFacts facts, bool willThink)
    {
        if (!willThink)
        {
            return writer;
        }

        if (facts.Think != ThinkState.Open)
        {
            writer.Say("<think>");
        }

        var plan = facts.ToolResult is not null ? "The tool has answered, so I can tell the user what it said in plain words."
            : ToolChoice.Fitting(facts) is not null ? "One of the tools fits the question, so I should call it."
            : "I should answer it in one or two sentences, clearly and politely.";
        return writer.Say("\nOkay, the user says: ").Quote(facts.UserText).Say("\n" + plan + "\n</think>\n\n");
    }

    private static ReplyWriter Speak(ReplyWriter writer, PromptFacts facts)
    {
        if (facts.ToolResult is { } result)
        {
            return writer.Say("Here is what the tool said: ").Quote(result.TrimEnd('.')).Say(". I hope this helps!");
        }

        if (ToolChoice.Fitting(facts) is { } tool)
        {
            return writer.Say("<tool_call>\n").Quote(ToolCall(tool, facts)).Say("\n</tool_call>");
        }

        if (CountTo().Match(facts.UserText) is { Success: true } match
            && int.TryParse(match.Groups["n"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return writer.Say(string.Join(", ", Enumerable.Range(1, Math.Clamp(count, 1, CountLimit)))).Say(".");
        }

        if (Greeting().IsMatch(facts.UserText))
        {
            return writer.Say("Hello! You said: ").Quote(facts.UserText)
                .Say("\nI am a small test model without any weights, and I am happy to help. What would you like to know?");
        }

        return facts.UserText.Length == 0
            ? writer.Say("Hello! I am a small test model. Ask me something, and I will answer one token at a time.")
            : writer.Say("You asked about this: ").Quote(facts.UserText)
                .Say("\nI am a small test model without any weights: I cannot really know things, "
                    + "but I can show you how an answer streams, one token at a time.");
    }

    private static ReplyWriter Constrained(ReplyWriter writer, Constraint constraint, PromptFacts facts)
    {
        var sampler = new SchemaSampler(facts.UserText);
        return constraint.Kind switch
        {
            ConstraintKind.JsonSchema => writer.Quote(sampler.Sample(constraint.Text)),
            ConstraintKind.JsonObject => writer.Quote($"{{\"answer\": {JsonText.Quote(facts.UserText)}}}"),
            ConstraintKind.Choice => writer.Quote(
                constraint.Choices.FirstOrDefault(choice => facts.UserText.Contains(choice, StringComparison.OrdinalIgnoreCase))
                ?? constraint.Choices[0]),
            ConstraintKind.Regex => writer.Quote(RegexSampler.Sample(constraint.Text)),

            // A tag's marks are control tokens where the tokenizer has them.
            ConstraintKind.StructuralTag => writer.Say(TagSampler.Sample(constraint.Text, sampler)),
            ConstraintKind.Grammar when !constraint.Text.Contains("::=", StringComparison.Ordinal) =>
                writer.Say(new LarkSampler(constraint.Text, sampler, writer.TextOf).Sample()),
            _ => writer.Say("ok"),
        };
    }

    private static string ToolCall(JsonElement tool, PromptFacts facts)
    {
        var arguments = tool.TryGetProperty("parameters", out var schema) ? new SchemaSampler(facts.UserText).Sample(schema) : "{}";
        return $"{{\"name\": {JsonText.Quote(ToolChoice.Name(tool))}, \"arguments\": {arguments}}}";
    }

    [GeneratedRegex(@"\bcount (?:up )?to (?<n>\d{1,6})\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex CountTo();

    [GeneratedRegex(@"^(?:hello|hi|hey|good (?:morning|evening|day))\b.{0,40}$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Greeting();
}

/// <summary>
/// Collects the ids of a reply. Words that came from the prompt are encoded as plain text, so they can never become control tokens.
/// </summary>
internal sealed class ReplyWriter(VllmTokenizer tokenizer)
{
    private readonly List<int> _ids = [];

    public ReplyWriter Say(string text)
    {
        _ids.AddRange(tokenizer.Encode(text));
        return this;
    }

    public ReplyWriter Quote(string text)
    {
        _ids.AddRange(tokenizer.EncodeOrdinary(text));
        return this;
    }

    /// <summary>The text of one token, with special tokens as they are spelled.</summary>
    public string TextOf(int id) => tokenizer.Decode([id]);

    public ScriptedReply ToReply() => new() { Ids = [.. _ids] };
}
