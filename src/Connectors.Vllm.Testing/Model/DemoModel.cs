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
/// The built-in demonstration model. It reasons first if the tokenizer has think tags and the prompt leaves the reasoning open, calls the tool that
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

            // The server waits for an end of reasoning that never comes, so the answer is free text.
        }

        Think(writer, facts, willThink);
        return Respond(writer, facts).ToReply();
    }

    private static ReplyWriter Think(ReplyWriter writer, PromptFacts facts, bool willThink)
    {
        if (!willThink)
        {
            return writer;
        }

        if (facts.Think != ThinkState.Open)
        {
            writer.Append("<think>");
        }

        var plan = facts.ToolResult is not null ? "The tool has answered, so I can tell the user what it said in plain words."
            : ToolChoice.Find(facts) is not null ? "One of the tools fits the question, so I should call it."
            : "I should answer it in one or two sentences, clearly and politely.";
        return writer.Append("\nOkay, the user says: ").AppendOrdinary(facts.UserText).Append("\n" + plan + "\n</think>\n\n");
    }

    private static ReplyWriter Respond(ReplyWriter writer, PromptFacts facts)
    {
        if (facts.ToolResult is { } result)
        {
            return writer.Append("Here is what the tool said: ").AppendOrdinary(result.TrimEnd('.')).Append(". I hope this helps!");
        }

        if (ToolChoice.Find(facts) is { } tool)
        {
            return writer.Append("<tool_call>\n").AppendOrdinary(ToolCall(tool, facts)).Append("\n</tool_call>");
        }

        if (CountTo().Match(facts.UserText) is { Success: true } match
            && int.TryParse(match.Groups["n"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return writer.Append(string.Join(", ", Enumerable.Range(1, Math.Clamp(count, 1, CountLimit)))).Append(".");
        }

        if (Greeting().IsMatch(facts.UserText))
        {
            return writer.Append("Hello! You said: ").AppendOrdinary(facts.UserText)
                .Append("\nI am a small test model without any weights, and I am happy to help. What would you like to know?");
        }

        return facts.UserText.Length == 0
            ? writer.Append("Hello! I am a small test model. Ask me something, and I will answer one token at a time.")
            : writer.Append("You asked about this: ").AppendOrdinary(facts.UserText)
                .Append("\nI am a small test model without any weights: I cannot really know things, "
                    + "but I can show you how an answer streams, one token at a time.");
    }

    private static ReplyWriter Constrained(ReplyWriter writer, Constraint constraint, PromptFacts facts)
    {
        var sampler = new SchemaSampler(facts.UserText);
        return constraint.Kind switch
        {
            ConstraintKind.JsonSchema => writer.AppendOrdinary(sampler.Sample(constraint.Text)),
            ConstraintKind.JsonObject => writer.AppendOrdinary($"{{\"answer\": {JsonText.Quote(facts.UserText)}}}"),
            ConstraintKind.Choice => writer.AppendOrdinary(
                constraint.Choices.FirstOrDefault(choice => facts.UserText.Contains(choice, StringComparison.OrdinalIgnoreCase))
                ?? constraint.Choices[0]),
            ConstraintKind.Regex => writer.AppendOrdinary(RegexSampler.Sample(constraint.Text)),

            // The markers of a tag are control tokens if the tokenizer has them.
            ConstraintKind.StructuralTag => writer.Append(TagSampler.Sample(constraint.Text, sampler)),
            ConstraintKind.Grammar when !constraint.Text.Contains("::=", StringComparison.Ordinal) =>
                writer.Append(new LarkSampler(constraint.Text, sampler, writer.TextOf).Sample()),
            _ => writer.Append("ok"),
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

/// <summary>Collects the ids of a reply. Text from the prompt is encoded as ordinary text, so it can never become a control token.</summary>
internal sealed class ReplyWriter(VllmTokenizer tokenizer)
{
    private readonly List<int> _ids = [];

    public ReplyWriter Append(string text)
    {
        _ids.AddRange(tokenizer.Encode(text));
        return this;
    }

    public ReplyWriter AppendOrdinary(string text)
    {
        _ids.AddRange(tokenizer.EncodeOrdinary(text));
        return this;
    }

    /// <summary>Gets the text of one token, including special tokens.</summary>
    public string TextOf(int id) => tokenizer.Decode([id]);

    public ScriptedReply ToReply() => new() { Ids = [.. _ids] };
}
