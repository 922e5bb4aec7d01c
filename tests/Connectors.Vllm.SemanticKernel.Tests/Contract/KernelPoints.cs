using System.Reflection;
using Xunit.v3;

namespace Connectors.Vllm.SemanticKernel.Tests.Contract;

/// <summary>
/// What a kernel that was written for one of Semantic Kernel's own connectors expects, point by point. Tests say with
/// <see cref="KernelPointAttribute"/> which point they prove; they run against the real Semantic Kernel, on both protocols.
/// </summary>
internal static class KernelPoints
{
    public static IReadOnlyDictionary<int, string> All { get; } = new Dictionary<int, string>
    {
        [1] = "A function's value of any kind reaches the model: texts as they are, contents as contents, exceptions as an error text, the rest as "
            + "JSON",
        [2] = "A tool message that holds a text and the same result prints it once",
        [3] = "After automatic invocation the history holds one tool message per result, each with its text",
        [4] = "After a filter terminated, the answer is the function's value, whole and streamed",
        [5] = "Filters see the caller's own settings and history, the arguments, and where in the conversation they are",
        [6] = "Functions that only the choice behavior knows keep plugin and function name apart, whole and streamed",
        [7] = "AllowConcurrentInvocation: calls of one message run at the same time, and one after the other without it",
        [8] = "AllowStrictSchemaAdherence: arguments follow the schema",
        [9] = "No function may be called: the model is not told of any, nothing runs, and no text is lost",
        [10] = "Settings under every name in use: limits, stops, choices, log probabilities, biases",
        [11] = "Response formats: names, OpenAI's objects, schemas, types",
        [12] = "The OpenAI connector's settings as they are",
        [13] = "The Ollama connector's settings as they are",
        [14] = "Names of other providers in ChatOptions.AdditionalProperties count where the typed member is unset",
        [15] = "The ModelId attribute is what the server serves, once that is known, and never a folder's name",
        [16] = "A service is found by the model its server serves",
        [17] = "A chat span per request when somebody listens",
        [18] = "Metadata of whole and streamed answers: id, creation time, usage, finish reason",
        [19] = "Audio without a media type is audio, and a message without a role is the user's",
        [20] = "Stop strings are cut from raw completions",
        [21] = "Contents lead back to what they were made of",
        [22] = "A seed of 64 bits is sent whole, or folded the same way every time",
        [23] = "Arguments of broken JSON: the model is told and may correct itself",
        [24] = "A function the model was not told of is not invoked; the model is told",
        [25] = "Functions are not invoked for several answers at once",
        [26] = "One registration gives chat completion, text generation, the chat client, embeddings, token counts and prompt previews",
    };
}

/// <summary>The point of <see cref="KernelPoints"/> that a test proves.</summary>
/// <param name="points">Numbers of <see cref="KernelPoints.All"/>.</param>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class KernelPointAttribute(params int[] points) : Attribute, ITraitAttribute
{
    public IReadOnlyList<int> Points => points;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [.. points.Select(
            point => new KeyValuePair<string, string>("KernelPoint", point.ToString(System.Globalization.CultureInfo.InvariantCulture)))];
}

/// <summary>The table and the tests agree.</summary>
public sealed class KernelPointTests
{
    public static TheoryData<int> Points => [.. KernelPoints.All.Keys];

    [Theory]
    [MemberData(nameof(Points))]
    public void Point_EachOne_HasATestThatRuns(int point) => Assert.Contains(
        from type in typeof(KernelPointTests).Assembly.GetTypes()
        from method in type.GetMethods()
        where method.GetCustomAttribute<KernelPointAttribute>() is { } attribute && attribute.Points.Contains(point)
        select method,
        method => method.GetCustomAttribute<FactAttribute>() is { Skip: null });
}
