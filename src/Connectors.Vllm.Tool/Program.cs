using Connectors.Vllm.Tool;

return await ToolProgram.RunAsync(args);
