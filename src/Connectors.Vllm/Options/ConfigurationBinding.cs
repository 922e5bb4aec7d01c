using System.Globalization;
using System.Reflection;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Shared;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Binds a configuration section to <see cref="VllmGrpcOptions"/>. The source-generated binder assigns the values; problems that it ignores (unknown
/// keys, a number of seconds parsed as days) are found beforehand by inspecting the keys, so that every message contains the full key.
/// </summary>
internal static class ConfigurationBinding
{
    /// <summary>Assigns all values, or none if problems are returned. Unknown keys are logged as warnings.</summary>
    public static IReadOnlyList<string> Bind(IConfiguration section, VllmGrpcOptions options, ILogger logger)
    {
        var problems = new List<string>();
        if (section is IConfigurationSection named && !named.Exists())
        {
            problems.Add($"The configuration section '{named.Path}' does not exist or is empty. Check its name, or add it: \"{named.Key}\": {{ "
                + $"\"Endpoint\": \"http://gpu-box:50051\" }}.");
            return problems;
        }

        Check(section, typeof(VllmGrpcOptions), problems, logger);
        var addresses = new[] { nameof(options.Endpoint), nameof(options.Endpoints), $"{nameof(options.Connection)}:{nameof(options.Endpoints)}" }
            .Select(section.GetSection).Where(static key => key.Exists()).Select(static key => key.Path).ToList();
        if (addresses.Count > 1)
        {
            problems.Add($"{string.Join(" and ", addresses)} are both set; use one of them.");
        }

        if (problems.Count == 0)
        {
            section.Bind(options);
            foreach (var argument in section.GetSection(nameof(options.ChatTemplateArguments)).GetChildren())
            {
                options.ChatTemplateArguments[argument.Key] = ToTemplateValue(argument);
            }
        }

        return problems;
    }

    private static void Check(IConfiguration section, Type type, List<string> problems, ILogger logger)
    {
        var properties = PropertiesOf(type);
        var unknown = new List<string>();
        foreach (var key in section.GetChildren())
        {
            var property = properties.FirstOrDefault(property => property.Name.Equals(key.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
            {
                unknown.Add($"'{key.Path}'");
            }
            else if (property.PropertyType == typeof(VllmConnectionOptions) || property.PropertyType == typeof(VllmRetryOptions))
            {
                Check(key, property.PropertyType, problems, logger);
            }
            else if (property.PropertyType == typeof(IList<Uri>))
            {
                problems.AddRange(key.GetChildren().Select(static item => Explain(item, typeof(Uri))).OfType<string>());
                problems.AddRange(ExplainShape(key, "a list"));
            }
            else if (property.PropertyType.IsGenericType && Nullable.GetUnderlyingType(property.PropertyType) is null)
            {
                problems.AddRange(ExplainShape(key, property.PropertyType == typeof(IList<string>) ? "a list" : "an object"));
            }
            else if (Explain(key, Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) is { } problem)
            {
                problems.Add(problem);
            }
        }

        if (unknown.Count > 0)
        {
            Log.UnknownConfigurationKey(logger, string.Join(", ", unknown), type.Name,
                string.Join(", ", properties.Select(static property => property.Name)));
        }
    }

    /// <summary>Reports a single value in place of a list or an object, which the binder ignores.</summary>
    private static IEnumerable<string> ExplainShape(IConfigurationSection key, string expected) =>
        string.IsNullOrEmpty(key.Value) ? [] : [$"Configuration key '{key.Path}' is '{key.Value}', but must be {expected}."];

    /// <summary>Gets the problem with a value; null if it is valid, or if the validation of the bound options will report it.</summary>
    private static string? Explain(IConfigurationSection key, Type type)
    {
        var text = key.Value;
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        string? expected = null;
        if (type == typeof(bool))
        {
            expected = bool.TryParse(text, out _) ? null : "true or false";
        }
        else if (type == typeof(int) || type == typeof(long))
        {
            var isNumber = long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
                && (type == typeof(long) || number is >= int.MinValue and <= int.MaxValue);
            expected = isNumber ? null : "a whole number";
        }
        else if (type.IsEnum)
        {
            expected = Enum.GetNames(type).Contains(text, StringComparer.OrdinalIgnoreCase) ? null : "one of "
                + string.Join(", ", Enum.GetNames(type));
        }
        else if (type == typeof(TimeSpan))
        {
            // "30" alone would be thirty days.
            expected = text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out _) ? null
                : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                    ? string.Create(CultureInfo.InvariantCulture,
                        $"a time as hours:minutes:seconds, such as {TimeSpan.FromSeconds(seconds)} for {seconds} seconds")
                    : "a time as hours:minutes:seconds, such as 00:01:00";
        }
        else if (type == typeof(Uri))
        {
            // The address of a hub may have a path; that of a gRPC server cannot.
            var isAddress = key.Key.Equals(nameof(VllmGrpcOptions.HubEndpoint), StringComparison.OrdinalIgnoreCase)
                ? Uri.TryCreate(text, UriKind.Absolute, out _)
                : Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out var address) && EndpointAddress.TryNormalize(address, out _, out _);
            expected = isAddress ? null : "an address such as http://gpu-box:50051";
        }

        return expected is null ? null : $"Configuration key '{key.Path}' is '{text}', but must be {expected}.";
    }

    /// <summary>The properties that configuration can set. The types are explicit, so that trimming keeps the properties.</summary>
    private static PropertyInfo[] PropertiesOf(Type type)
    {
        var properties = type == typeof(VllmConnectionOptions) ? typeof(VllmConnectionOptions).GetProperties()
            : type == typeof(VllmRetryOptions) ? typeof(VllmRetryOptions).GetProperties()
            : typeof(VllmGrpcOptions).GetProperties();
        return [.. properties.Where(static property => IsBindable(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType))];
    }

    /// <summary>Handlers, credentials and similar properties can only be set in code.</summary>
    private static bool IsBindable(Type type) => type.IsEnum || type == typeof(string) || type == typeof(bool) || type == typeof(int)
        || type == typeof(long) || type == typeof(TimeSpan) || type == typeof(Uri) || type == typeof(IList<Uri>) || type == typeof(IList<string>)
        || type == typeof(IDictionary<string, string>) || type == typeof(IDictionary<string, object?>)
        || type == typeof(VllmConnectionOptions) || type == typeof(VllmRetryOptions);

    /// <summary>Converts a configuration value, which is always a string, because template variables are mostly booleans and numbers.</summary>
    private static object? ToTemplateValue(IConfigurationSection value)
    {
        var children = value.GetChildren().ToList();
        if (children.Count > 0)
        {
            return children.All(static child => int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                ? children.ConvertAll(ToTemplateValue)
                : children.ToDictionary(static child => child.Key, ToTemplateValue, StringComparer.Ordinal);
        }

        return bool.TryParse(value.Value, out var flag) ? flag
            : long.TryParse(value.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) ? integer
            : double.TryParse(value.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
            : value.Value;
    }
}
