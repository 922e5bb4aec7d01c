using System.ComponentModel;
using Connectors.Vllm.SemanticKernel;
using Connectors.Vllm.Testing;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.TextGeneration;

// The address of a vLLM server as the only argument; without one, a test server that needs no GPU is started in this process.
var embedded = args.Length == 0 ? await VllmTestServer.StartAsync() : null;
var endpoint = embedded?.Endpoint ?? new Uri(args[0]);
try
{
    var kernel = Kernel.CreateBuilder().AddVllmGrpc(endpoint).Build();

    // A prompt function with a variable.
    Console.WriteLine(await kernel.InvokePromptAsync("Name one river in {{$country}}.", new KernelArguments { ["country"] = "France" }));

    // A chat in which the model may call the kernel's functions; they are invoked automatically, and the history keeps the calls.
    kernel.Plugins.AddFromFunctions("Clock", [KernelFunctionFactory.CreateFromMethod(Now, "now")]);
    var settings = new VllmPromptExecutionSettings { Temperature = 0, MaxTokens = 200, FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
    var history = new ChatHistory("You answer in one sentence.");
    history.AddUserMessage("What time is it?");
    await foreach (var piece in kernel.GetRequiredService<IChatCompletionService>().GetStreamingChatMessageContentsAsync(history, settings, kernel))
    {
        Console.Write(piece.Content);
    }

    Console.WriteLine();

    // Text generation sends the prompt to the model unchanged, without a chat template.
    var texts = await kernel.GetRequiredService<ITextGenerationService>().GetTextContentsAsync("Once upon a time", settings);
    Console.WriteLine(texts[0].Text);
}
finally
{
    if (embedded is not null)
    {
        await embedded.DisposeAsync();
    }
}

[Description("Tells the time.")]
static string Now() => DateTimeOffset.Now.ToString("t", System.Globalization.CultureInfo.InvariantCulture);
