using System.Reflection;
using System.Text.Json;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>The schema behind completion in appsettings.json names every option that configuration can set, with its kind of value.</summary>
public sealed class ConfigurationSchemaTests
{
    /// <summary>What can only be set in code.</summary>
    private static readonly string[] SetInCode =
    [
        nameof(VllmGrpcOptions.DownloadProgress), nameof(VllmGrpcOptions.Tokenizer), nameof(VllmConnectionOptions.CallCredentials),
        nameof(VllmConnectionOptions.Interceptors), nameof(VllmConnectionOptions.HttpHandler), nameof(VllmConnectionOptions.ConfigureChannel),
        nameof(VllmConnectionOptions.CallInvoker), nameof(VllmConnectionOptions.ConfigureTls),
    ];

    [Fact]
    public void ConfigurationSchema_AllOptions_AreNamed()
    {
        var path = Path.Combine(TestPaths.RepositoryRoot, "src", "Connectors.Vllm.Aspire", "ConfigurationSchema.json");
        using var schema = JsonDocument.Parse(File.ReadAllText(path));
        var clients = schema.RootElement.GetProperty("properties").GetProperty("Aspire").GetProperty("properties").GetProperty("Vllm");

        Compare(Options(typeof(VllmGrpcOptions)).UnionBy(Options(typeof(VllmGrpcClientSettings)), option => option.Name), clients);
    }

    private static IEnumerable<PropertyInfo> Options(Type type) => type.GetProperties().Where(option => !SetInCode.Contains(option.Name));

    private static void Compare(IEnumerable<PropertyInfo> options, JsonElement schema)
    {
        var known = schema.GetProperty("properties");
        var expected = options.ToList();
        Assert.Equal(expected.Select(option => option.Name).Order(), known.EnumerateObject().Select(property => property.Name).Order());
        foreach (var option in expected)
        {
            var value = known.GetProperty(option.Name);
            Assert.NotEmpty(value.GetProperty("description").GetString()!);
            var type = Nullable.GetUnderlyingType(option.PropertyType) ?? option.PropertyType;
            if (type.IsEnum)
            {
                Assert.Equal(Enum.GetNames(type), value.GetProperty("enum").EnumerateArray().Select(name => name.GetString()));
                continue;
            }

            Assert.Equal(KindOf(type), value.GetProperty("type").GetString());
            if (type == typeof(VllmConnectionOptions) || type == typeof(VllmRetryOptions))
            {
                Compare(Options(type), value);
            }
        }
    }

    private static string KindOf(Type type) => type == typeof(bool) ? "boolean"
        : type == typeof(int) || type == typeof(long) ? "integer"
        : type == typeof(string) || type == typeof(Uri) || type == typeof(TimeSpan) ? "string"
        : type == typeof(IList<Uri>) || type == typeof(IList<string>) ? "array"
        : type.Name.StartsWith("IDictionary", StringComparison.Ordinal) || type.Namespace == typeof(VllmRetryOptions).Namespace ? "object"
        : throw new NotSupportedException($"Say in the schema, or in SetInCode, how configuration sets a {type}.");
}
