using Connectors.Vllm;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.ML.Tokenizers;
using Microsoft.SemanticKernel.Text;

// Documents longer than an embedding model's limit are split into chunks measured in the model's own tokens. The address of a vLLM server as
// the only argument; without one, a test server that needs no GPU is started in this process.
const int MostTokens = 64;
const int Overlap = 8;
var embedded = args.Length == 0 ? await VllmTestServer.StartAsync(new VllmTestServerOptions { IsEmbeddingModel = true }) : null;
var endpoint = embedded?.Endpoint ?? new Uri(args[0]);
try
{
    await using var client = new VllmGrpcClient(endpoint.ToString());
    await using var generator = new VllmEmbeddingGenerator(client.Engine);
    Tokenizer tokenizer = await client.Server.GetTokenizerAsync();
    var document = string.Join("\n\n", Enumerable.Range(1, 40).Select(number =>
        $"Paragraph {number}. Rivers carry water from the hills to the sea; number {number} is"
            + $" {(number % 2 == 0 ? "broad and slow" : "narrow and fast")}."));
    Console.WriteLine($"document: {tokenizer.CountTokens(document)} tokens");

    // Semantic Kernel's chunker splits at lines and sentences, and counts their tokens with the tokenizer.
    var lines = TextChunker.SplitPlainTextLines(document, MostTokens, text => tokenizer.CountTokens(text));
    var paragraphs = TextChunker.SplitPlainTextParagraphs(lines, MostTokens, Overlap, tokenCounter: text => tokenizer.CountTokens(text));
    Report("TextChunker", paragraphs, tokenizer);

    // A simple splitter needs one call per chunk, to find where the next tokens end. No text is lost.
    var spans = Split(document, tokenizer).ToList();
    Report("plain splitter", spans, tokenizer);

    var embeddings = await generator.GenerateAsync(spans);
    var question = await generator.GenerateVectorAsync("Which rivers are fast?");
    var nearest = Enumerable.Range(0, embeddings.Count).MaxBy(i => Similarity(embeddings[i].Vector, question));
    Console.WriteLine($"nearest of {embeddings.Count} chunks: {spans[nearest].ReplaceLineEndings(" ").Trim()}");
}
finally
{
    if (embedded is not null)
    {
        await embedded.DisposeAsync();
    }
}

static IEnumerable<string> Split(string text, Tokenizer tokenizer)
{
    for (var start = 0; start < text.Length;)
    {
        var length = tokenizer.GetIndexByTokenCount(text.AsSpan(start), MostTokens, out _, out _);
        yield return text.Substring(start, length);
        start += length;
    }
}

static double Similarity(ReadOnlyMemory<float> left, ReadOnlyMemory<float> right)
{
    double product = 0, leftSquares = 0, rightSquares = 0;
    for (var i = 0; i < left.Length; i++)
    {
        var (a, b) = (left.Span[i], right.Span[i]);
        product += a * b;
        leftSquares += a * a;
        rightSquares += b * b;
    }

    return product / Math.Sqrt((leftSquares * rightSquares) + double.Epsilon);
}

static void Report(string name, IReadOnlyCollection<string> chunks, Tokenizer tokenizer)
{
    var longest = chunks.Max(chunk => tokenizer.CountTokens(chunk));
    Console.WriteLine($"{name}: {chunks.Count} chunks, the longest has {longest} tokens");
    if (longest > MostTokens)
    {
        throw new InvalidOperationException($"a chunk of {name} is longer than {MostTokens} tokens");
    }
}
