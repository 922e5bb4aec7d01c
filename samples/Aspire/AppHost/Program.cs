// A vLLM server and a service that chats with it. Without a GPU, as here by default, the test server answers;
// `dotnet run -- --Vllm:Model Qwen/Qwen3-8B` starts the real one.
var builder = DistributedApplication.CreateBuilder(args);
var model = builder.Configuration["Vllm:Model"];

IResourceBuilder<IResourceWithConnectionString> vllm = model is not null || builder.ExecutionContext.IsPublishMode
    ? builder.AddVllm("vllm", model ?? "Qwen/Qwen3-8B").WithGpuSupport().WithDataVolume()
    : builder.AddVllmTestServer("vllm");

builder.AddProject<Projects.Service>("chat").WithReference(vllm).WaitFor(vllm).WithExternalHttpEndpoints().WithHttpHealthCheck("/health");
builder.Build().Run();
