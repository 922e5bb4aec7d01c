using Connectors.Vllm.SemanticKernel;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.TextGeneration;

// The address of a vLLM server as the only argument; without one, a test server that needs no GPU is started in this process.
VllmTestServer? embedded = args.Length == 0 ? await VllmTestServer.StartAsync() : null;
Uri endpoint = embedded?.Endpoint ?? new Uri(args[0]);
try
{
    IKernelBuilder builder = Kernel.CreateBuilder();
    builder.AddVllmGrpc(endpoint);

    // With the real package this is builder.Build() and kernel.GetRequiredService<…>().
    await using ServiceProvider services = builder.Services.BuildServiceProvider();

    var history = new ChatHistory("You answer in one sentence.");
    history.AddUserMessage("What is a kernel?");
    var settings = new VllmPromptExecutionSettings { Temperature = 0, MaxTokens = 200 };
    await foreach (StreamingChatMessageContent piece in services.GetRequiredService<IChatCompletionService>().GetStreamingChatMessageContentsAsync(history, settings))
    {
        Console.Write(piece.Content);
    }

    Console.WriteLine();

    // Text generation goes to the model as it is: no chat template.
    IReadOnlyList<TextContent> texts = await services.GetRequiredService<ITextGenerationService>().GetTextContentsAsync("Once upon a time", settings);
    Console.WriteLine(texts[0].Text);
}
finally
{
    if (embedded is not null)
    {
        await embedded.DisposeAsync();
    }
}
