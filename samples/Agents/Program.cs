// An agent of Microsoft Agent Framework with a tool and a session of two turns:
//   dotnet run --project samples/Agents -- http://gpu-box:50051
using System.ComponentModel;
using Connectors.Vllm;
using Connectors.Vllm.Testing;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;

// Without an address the sample runs against an embedded test server with scripted answers.
await using var server = args.Length == 0 ? await VllmTestServer.StartAsync() : null;
server?.Enqueue(
    "<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>",
    "It is noon in Paris.",
    "It was Paris.");
var options = new VllmGrpcOptions { Endpoint = server?.Endpoint ?? new Uri(args[0]) };
if (server is not null)
{
    // The format cannot be detected for the small model of the test server; for real models it is.
    options.ToolCallParser = "hermes";
}

await using var client = new VllmChatClient(options);

var agent = new ChatClientAgent(client, instructions: "You are brief.", tools: [AIFunctionFactory.Create(GetTime, "get_time")]);
var session = await agent.CreateSessionAsync();
foreach (var question in new[] { "What time is it in Paris?", "Which city did I ask about?" })
{
    Console.WriteLine($"> {question}");
    Console.WriteLine(await agent.RunAsync(question, session));
}

[Description("The local time of a city.")]
static string GetTime(string city) => $"12:00 in {city}";
