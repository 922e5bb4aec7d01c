using Connectors.Vllm.Grpc;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

// Which of several answers fits, and how sure the model is.
public static partial class VllmChatClientExtensions
{
    /// <summary>The most log probabilities vLLM gives per token with its default settings.</summary>
    private const int Candidates = 20;

    /// <summary>
    /// Lets the model choose one of <paramref name="choices"/> and returns the probability of each, computed from the log probabilities of the tokens
    /// at which the choices part. One call is enough where they begin differently; choices that begin alike and were not chosen cost one more call
    /// for each group of them. Probabilities are relative to the choices (they add up to 1); what is not among the 20 most likely tokens counts as 0.
    /// </summary>
    /// <param name="client">A chat client of this library, or one that passes its options on to it.</param>
    /// <param name="messages">The conversation, ending in the question.</param>
    /// <param name="choices">Two or more different answers, none empty.</param>
    /// <param name="options">Further options; not changed. The output constraint, log probabilities and temperature are this method's.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The probability of each choice, 0 to 1; the most probable choice comes first.</returns>
    /// <exception cref="ArgumentException">Fewer than two choices, an empty one, or one twice.</exception>
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
            throw new ArgumentException("Give two or more different choices, none of them empty.", nameof(choices));
        }

        var probabilities = choices.ToDictionary(choice => choice, _ => 0.0, StringComparer.Ordinal);
        ChatMessage[] conversation = [.. messages];
        await ShareAsync(client, conversation, [.. choices], 1, options, probabilities, cancellationToken).ConfigureAwait(false);
        return new OrderedDictionary<string, double>(probabilities.OrderByDescending(static pair => pair.Value), StringComparer.Ordinal);
    }

    /// <summary>Shares <paramref name="mass"/> among the choices.</summary>
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

        var asking = options?.Clone() ?? new ChatOptions();
        asking.Temperature = 0;
        asking.OutputChoices = choices;
        asking.Logprobs = Candidates;
        asking.Reasoning ??= new ReasoningOptions { Effort = ReasoningEffort.None };
        var response = await client.GetResponseAsync(messages, asking, cancellationToken).ConfigureAwait(false);
        var said = "";
        foreach (var token in AnswerTokens(response))
        {
            // The path the model took, and the choices that leave it here, by the tokens that lead to them.
            List<string> onPath = [.. choices.Where(choice => choice[said.Length..].StartsWith(token.Text, StringComparison.Ordinal))];
            if (onPath.Count == 0)
            {
                throw new VllmException(
                    $"The model wrote '{said}{token.Text}', with which none of the choices begins; the server did not hold it to them.")
                {
                    StatusCode = StatusCode.FailedPrecondition,
                };
            }

            var branches = Branches(token, choices, onPath, said.Length);
            var total = branches.Sum(static branch => branch.Mass);
            foreach (var branch in branches.Skip(1))
            {
                var share = mass * branch.Mass / total;
                await ShareAsync(client, messages, branch.Choices, share, options, probabilities, cancellationToken).ConfigureAwait(false);
            }

            mass *= branches[0].Mass / total;
            said += token.Text;
            choices = onPath;
            if (choices.Count == 1)
            {
                break;
            }
        }

        // A choice that begins another one ends where the other goes on.
        probabilities[choices.Find(choice => choice == said) ?? choices[0]] += mass;
    }

    /// <summary>
    /// The groups of choices that part at a token: first the one the token leads to, then those that others lead to, joined where one token leads to
    /// both.
    /// </summary>
    private static List<(List<string> Choices, double Mass)> Branches(TokenLogprob token, List<string> choices, List<string> onPath, int at)
    {
        var branches = new List<(List<string> Choices, double Mass)> { (onPath, Math.Exp(token.Logprob ?? 0)) };
        foreach (var other in token.Alternatives.Where(other => other.TokenId != token.TokenId && other.Text.Length > 0 && other.Logprob is not null))
        {
            List<string> led = [.. choices.Except(onPath).Where(choice => choice[at..].StartsWith(other.Text, StringComparison.Ordinal))];
            if (led.Count == 0)
            {
                continue;
            }

            var mass = Math.Exp(other.Logprob!.Value);
            foreach (var met in branches.Skip(1).Where(branch => branch.Choices.Intersect(led).Any()).ToList())
            {
                branches.Remove(met);
                led = [.. led.Union(met.Choices)];
                mass += met.Mass;
            }

            branches.Add((led, mass));
        }

        return branches;
    }

    /// <summary>The tokens of the answer itself: a model may have reasoned before.</summary>
    private static IEnumerable<TokenLogprob> AnswerTokens(ChatResponse response)
    {
        var tokens = response.Messages.Select(static message => message.TokenLogprobs).LastOrDefault(static tokens => tokens is not null)
            ?? throw new VllmException("The answer has no log probabilities; is this a client of a vLLM server?")
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
