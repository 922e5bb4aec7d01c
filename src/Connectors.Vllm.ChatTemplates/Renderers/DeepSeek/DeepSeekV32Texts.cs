namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Fixed texts of the DeepSeek V3.2 prompt; the line SCHEMAS stands for the functions.</summary>
internal static class DeepSeekV32Texts
{
    /// <summary>The tools section, as vLLM writes it.</summary>
    public const string Tools =
        """
        ## Tools
        You have access to a set of tools you can use to answer the user's question.
        You can invoke functions by writing a "<｜DSML｜function_calls>" block like the following as part of your reply to the user:
        <｜DSML｜function_calls>
        <｜DSML｜invoke name="$FUNCTION_NAME">
        <｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
        ...
        </｜DSML｜invoke>
        <｜DSML｜invoke name="$FUNCTION_NAME2">
        ...
        </｜DSML｜invoke>
        </｜DSML｜function_calls>
        String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).
        If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:
        <｜DSML｜function_calls>
        ...
        </｜DSML｜function_calls>
        <function_results>
        ...
        </function_results>
        <think>...thinking about results</think>
        Here are the functions available in JSONSchema format:
        <functions>
        SCHEMAS
        </functions>

        """;
}
