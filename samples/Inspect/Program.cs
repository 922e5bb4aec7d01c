using Connectors.Vllm.Tool.Inspect;

// "What does the model see, and what is made of its answer?" from a clone, without the tool being installed: the verbs of `vllm-grpc inspect`,
// whose sources (src/Connectors.Vllm.Tool/Inspect) show how each room of the packages is used alone.
return await InspectCommand.RunAsync(args);
