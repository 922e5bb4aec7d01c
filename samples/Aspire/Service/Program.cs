using Connectors.Vllm.Samples.Aspire.Service;
using Microsoft.Extensions.AI;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddVllmGrpcClient("vllm").AddChatClient().UseFunctionInvocation();

var application = builder.Build();
application.MapHealthChecks("/health");

// Answers as server-sent events: curl -N "http://localhost:PORT/chat?question=What+time+is+it%3F"
application.MapGet("/chat", (string question, IChatClient client, CancellationToken cancellationToken) =>
    TypedResults.ServerSentEvents(Answers.StreamAsync(client, question, cancellationToken)));
application.Run();
