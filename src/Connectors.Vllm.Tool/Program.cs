using Connectors.Vllm.Tool;
using Connectors.Vllm.Tool.Terminal;

StandardOutput.Use();
return await ToolProgram.RunAsync(args);
