using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

// Classification with probabilities.
public static partial class VllmChatClientExtensions
{
    /// <summary>The maximum number of log probabilities per token with vLLM's default settings.</summary>
    private const int Candidates = 20;

    /// <summary>
    /// Lets the model choose one of <paramref name="choices"/> and returns the probability of each, computed from the log probabilities of the tokens
    /// at which the choices differ. If all of them begin with different tokens, one call is enough; each group of choices with a common beginning
    /// that was not chosen costs one more call. The probabilities are relative to the choices (they add up to 1); tokens that are not among the 20
    /// most likely ones count as 0.
    /// </summary>
    /// <param name="client">A chat client of this library, or one that passes its options on to it.</param>
    /// <param name="messages">The conversation, ending in the question.</param>
    /// <param name="choices">Two or more distinct answers, none empty.</param>
    /// <param name="options">Further options; not modified. The output constraint, log probabilities and temperature are set by this method.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The probability of each choice, from 0 to 1, the most probable choice first.</returns>
    /// <exception cref="ArgumentException">There are fewer than two choices, one is empty, or one occurs twice.</exception>
    /// <exception cref="VllmException">The server failed, or returned no log probabilities.</exception>
    public static async Task<IReadOnlyDictionary<string, double>> ClassifyAsync(
        this IChatClient client,
        IEnumerable<ChatMessage> messages,
        IReadOnlyList<string> choices,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(choices);
        if (choices.Count < 2 || choices.Any(string.IsNullOrEmpty) || choices.Distinct(StringComparer.Ordinal).Count() != choices.Count)
        {
            throw new ArgumentException("Pass two or more distinct choices, none of them empty.", nameof(choices));
        }

        ChatMessage[] conversation = [.. messages];
        var probabilities = client.GetService<VllmChatClient>() is { } own
            ? await ByFirstTokenAsync(client, own, conversation, choices, options, cancellationToken).ConfigureAwait(false)
            : null;
        if (probabilities is null)
        {
            probabilities = choices.ToDictionary(choice => choice, _ => 0.0, StringComparer.Ordinal);
            await ShareAsync(client, conversation, [.. choices], 1, options, probabilities, cancellationToken).ConfigureAwait(false);
        }

        return new OrderedDictionary<string, double>(probabilities.OrderByDescending(static pair => pair.Value), StringComparer.Ordinal);
    }

    /// <summary>
    /// Computes the probabilities from the first token alone; null if that is not possible: choices begin with the same token, reasoning comes before
    /// the answer, or the server returns none of the tokens.
    /// </summary>
    private static async Task<Dictionary<string, double>?> ByFirstTokenAsync(
        IChatClient client,
        VllmChatClient own,
        ChatMessage[] messages,
        IReadOnlyList<string> choices,
        ChatOptions? options,
        CancellationToken cancellationToken)
    {
        var questionOptions = CreateOptions(options);
        questionOptions.OutputChoices = choices;
        var (chat, profile) = await own.PrepareAsync(messages, questionOptions, cancellationToken).ConfigureAwait(false);
        List<int[]> first = [.. choices.Select(choice => FirstTokens(profile.Tokenizer, choice))];
        int[] ids = [.. first.SelectMany(static tokens => tokens)];
        if (chat.Request.Constraint?.Kind != OutputConstraintKind.Choice || OutputParser.Create(chat.Format, chat.ParserOptions).IsReasoning
            || ids.Length > Candidates || ids.Distinct().Count() < ids.Length)
        {
            return null;
        }

        // The log probabilities do not depend on the sampled token, so no constraint is needed.
        questionOptions.OutputChoices = null;
        questionOptions.MaxOutputTokens = 1;
        if (profile.Capabilities.Protocol == VllmProtocol.VllmEngine)
        {
            questionOptions.Logprobs = Candidates;
        }
        else
        {
            questionOptions.LogprobTokenIds = ids;
        }

        var response = await client.GetResponseAsync(messages, questionOptions, cancellationToken).ConfigureAwait(false);
        if (response.Messages.Select(static message => message.TokenLogprobs).FirstOrDefault(static tokens => tokens is { Count: > 0 })
            is not [var token, ..])
        {
            return null;
        }

        var known = token.Alternatives.Append(token).Where(static other => other.Logprob is not null)
            .DistinctBy(static other => other.TokenId).ToDictionary(static other => other.TokenId, static other => Math.Exp(other.Logprob!.Value));
        double[] masses = [.. first.Select(tokens => tokens.Sum(known.GetValueOrDefault))];
        var total = masses.Sum();
        return total <= 0 ? null : choices.Zip(masses, (choice, mass) => (choice, mass / total)).ToDictionary(StringComparer.Ordinal);
    }

    /// <summary>
    /// Gets the first token of a text, at the beginning of the output and after other text, where it may differ (without a leading space).
    /// </summary>
    private static int[] FirstTokens(VllmTokenizer tokenizer, string text)
    {
        var before = tokenizer.Encode("\n", addSpecialTokens: false);
        var behind = tokenizer.Encode("\n" + text, addSpecialTokens: false);
        int[] starts = [tokenizer.Encode(text, addSpecialTokens: false)[0]];
        return behind.Length > before.Length && behind.AsSpan().StartsWith(before) ? [.. starts.Append(behind[before.Length]).Distinct()] : starts;
    }

    private static ChatOptions CreateOptions(ChatOptions? options)
    {
        var questionOptions = options?.Clone() ?? new ChatOptions();
        questionOptions.Temperature = 0;
        questionOptions.Reasoning ??= new ReasoningOptions { Effort = ReasoningEffort.None };
        return questionOptions;
    }

    /// <summary>Distributes <paramref name="mass"/> among the choices.</summary>
    private static async Task ShareAsync(
        IChatClient client,
        ChatMessage[] messages,
        List<string> choices,
        double mass,
        ChatOptions? options,
        Dictionary<string, double> probabilities,
        CancellationToken cancellationToken)
    {
        if (choices.Count == 1)
        {
            probabilities[choices[0]] += mass;
            return;
        }

        var questionOptions = CreateOptions(options);
        questionOptions.OutputChoices = choices;
        questionOptions.Logprobs = Candidates;
        var response = await client.GetResponseAsync(messages, questionOptions, cancellationToken).ConfigureAwait(false);
        var written = "";
        foreach (var token in AnswerTokens(response))
        {
            // The choices that continue with the sampled token; the others branch off at it.
            List<string> onPath = [.. choices.Where(choice => choice[written.Length..].StartsWith(token.Text, StringComparison.Ordinal))];
            if (onPath.Count == 0)
            {
                throw new VllmException(
                    $"The model wrote '{written}{token.Text}', with which none of the choices begins; the server did not enforce the choices.")
                {
                    StatusCode = StatusCode.FailedPrecondition,
                };
            }

            var branches = Branches(token, choices, onPath, written.Length);
            var total = branches.Sum(static branch => branch.Mass);
            foreach (var branch in branches.Skip(1))
            {
                var share = mass * branch.Mass / total;
                await ShareAsync(client, messages, branch.Choices, share, options, probabilities, cancellationToken).ConfigureAwait(false);
            }

            mass *= branches[0].Mass / total;
            written += token.Text;
            choices = onPath;
            if (choices.Count == 1)
            {
                break;
            }
        }

        // A choice that is a prefix of another one ends here.
        probabilities[choices.Find(choice => choice == written) ?? choices[0]] += mass;
    }

    /// <summary>
    /// Gets the groups of choices that branch at a token: first those that continue with it, then those of other tokens, merged if a token leads to
    /// several groups.
    /// </summary>
    private static List<(List<string> Choices, double Mass)> Branches(TokenLogprob token, List<string> choices, List<string> onPath, int at)
    {
        var branches = new List<(List<string> Choices, double Mass)> { (onPath, Math.Exp(token.Logprob ?? 0)) };
        foreach (var other in token.Alternatives.Where(other => other.TokenId != token.TokenId && other.Text.Length > 0 && other.Logprob is not null))
        {
            List<string> reachable = [.. choices.Except(onPath).Where(choice => choice[at..].StartsWith(other.Text, StringComparison.Ordinal))];
            if (reachable.Count == 0)
            {
                continue;
            }

            var mass = Math.Exp(other.Logprob!.Value);
            foreach (var overlapping in branches.Skip(1).Where(branch => branch.Choices.Intersect(reachable).Any()).ToList())
            {
                branches.Remove(overlapping);
                reachable = [.. reachable.Union(overlapping.Choices)];
                mass += overlapping.Mass;
            }

            branches.Add((reachable, mass));
        }

        return branches;
    }

    /// <summary>Gets the tokens of the answer itself, which may follow reasoning.</summary>
    private static IEnumerable<TokenLogprob> AnswerTokens(ChatResponse response)
    {
        var tokens = response.Messages.Select(static message => message.TokenLogprobs).LastOrDefault(static tokens => tokens is not null)
            ?? throw new VllmException("The answer has no log probabilities; is this a client for a vLLM server?")
            {
                StatusCode = StatusCode.FailedPrecondition,
            };
        var answer = response.Text;
        for (var start = tokens.Count - 1; start >= 0; start--)
        {
            if (string.Concat(tokens.Skip(start).Select(static token => token.Text)).StartsWith(answer, StringComparison.Ordinal))
            {
                return tokens.Skip(start).TakeWhile(WithinAnswer(answer.Length));
            }
        }

        throw new VllmException($"The answer '{answer}' is not what its tokens spell.") { StatusCode = StatusCode.Internal };
    }

    private static Func<TokenLogprob, bool> WithinAnswer(int length)
    {
        var read = 0;
        return token =>
        {
            var isWithin = read < length;
            read += token.Text.Length;
            return isWithin;
        };
    }
}
