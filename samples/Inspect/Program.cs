using Connectors.Vllm.Tool.Inspect;

// "What does the model see, and how is its answer parsed?" from a clone, without the tool being installed: the verbs of `vllm-grpc inspect`,
// whose sources (src/Connectors.Vllm.Tool/Inspect) show how each package is used on its own.
return await InspectCommand.RunAsync(args);
