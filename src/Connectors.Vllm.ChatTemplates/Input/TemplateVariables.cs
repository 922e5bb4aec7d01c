using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Input;

/// <summary>The variables of a render in transformers' order of precedence: kwargs over special tokens; messages and switches over both.</summary>
internal static class TemplateVariables
{
    public static Dictionary<string, Value> Of(ChatTemplateInput input)
    {
        var variables = new Dictionary<string, Value>(16, StringComparer.Ordinal);
        foreach (var (name, token) in input.SpecialTokens ?? new Dictionary<string, object?>())
        {
            if (token is not null)
            {
                variables[name] = ValueReader.Read(token, ContentScope.Trusted);
            }
        }

        foreach (var (name, value) in input.Kwargs ?? new Dictionary<string, object?>())
        {
            variables[name] = ValueReader.Read(value, input.TrustsKwargs ? ContentScope.Trusted : ContentScope.Content);
        }

        variables["messages"] = ValueReader.Read(input.Messages, ContentScope.Messages);
        variables["tools"] = ValueReader.Read(input.Tools, ContentScope.Content);
        variables["documents"] = ValueReader.Read(input.Documents, ContentScope.Content);
        variables["add_generation_prompt"] = Value.Of(input.AddGenerationPrompt);
        return variables;
    }
}
