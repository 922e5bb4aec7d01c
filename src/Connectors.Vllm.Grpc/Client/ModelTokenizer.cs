using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>A tokenizer and the model it belongs to; null where the server turns ids into text itself.</summary>
internal sealed record ModelTokenizer(Tokenizer? Tokenizer, VllmModelInfo Model);
