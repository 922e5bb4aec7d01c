using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Builds the part of a structural tag that makes a model write calls in its own format.</summary>
internal delegate JsonObject CallTagBuilder(CallTagRequest request);
