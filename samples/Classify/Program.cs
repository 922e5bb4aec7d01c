using Connectors.Vllm;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

// Classifies messages and shows how confident the model is, with one call of one token each. The address of a vLLM server is the only argument;
// without one, a test server that needs no GPU is started in this process, with scripted log probabilities.
string[] classes = ["complaint", "question", "praise", "spam"];
string[] messages = ["The parcel came late and wet.", "Do you ship to Norway?", "Nice shop! When do you open?", "You have won a cruise, click here."];
var embedded = args.Length == 0 ? await VllmTestServer.StartAsync() : null;
embedded?.Enqueue(Scripted(0.9, 0.05, 0.01, 0.01), Scripted(0.02, 0.95, 0.01, 0.01), Scripted(0.01, 0.5, 0.45, 0.01), Scripted(0.1, 0, 0.05, 0.8));
try
{
    await using var client = new VllmChatClient(embedded?.Endpoint ?? new Uri(args[0]));
    foreach (var message in messages)
    {
        var probabilities = await client.ClassifyAsync([new(ChatRole.User, $"Which is it, {string.Join(", ", classes)}? {message}")], classes);
        var (best, probability) = probabilities.First();

        // Unclear cases are left to a human.
        Console.WriteLine($"{(probability > 0.6 ? best : "unclear"),-10} {message}");
        Console.WriteLine($"{"",10} {string.Join(", ", probabilities.Select(one => $"{one.Key} {one.Value:P0}"))}");
    }
}
finally
{
    if (embedded is not null)
    {
        await embedded.DisposeAsync();
    }
}

// The log probabilities of the tokens that the classes begin with, as a model would give them.
ScriptedReply Scripted(params double[] probabilities)
{
    List<TokenLogprob> tokens = [.. classes.Zip(probabilities, (name, probability) =>
        new TokenLogprob(embedded!.Tokenizer.Encode(name)[0], (float)Math.Log(probability))).OrderByDescending(token => token.Logprob)];
    return new ScriptedReply { Ids = [tokens[0].TokenId], Logprobs = [tokens[0] with { Alternatives = tokens }] };
}
