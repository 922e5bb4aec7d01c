using System.Data.Common;
using Connectors.Vllm.Shared;
using Microsoft.Extensions.Configuration;

namespace Connectors.Vllm.Aspire;

/// <summary>The configuration of a client, by precedence: its connection string, its own section, the section for all clients.</summary>
internal sealed class ClientConfiguration
{
    public const string SectionName = "Aspire:Vllm";

    private const string Endpoint = nameof(VllmGrpcOptions.Endpoint);

    private static readonly string[] AddressKeys =
        [Endpoint, nameof(VllmGrpcOptions.Endpoints), $"{nameof(VllmGrpcOptions.Connection)}:{nameof(VllmGrpcOptions.Endpoints)}"];

    private static readonly string[] SettingsOnly =
    [
        nameof(VllmGrpcClientSettings.DisableHealthChecks),
        nameof(VllmGrpcClientSettings.DisableTracing),
        nameof(VllmGrpcClientSettings.DisableMetrics),
    ];

    /// <summary>Keywords of a connection string and the options they set.</summary>
    private static readonly Dictionary<string, string> Keywords = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Endpoint"] = Endpoint,
        ["Model"] = nameof(VllmGrpcOptions.ModelId),
        ["ModelDirectory"] = nameof(VllmGrpcOptions.ModelDirectory),
    };

    private readonly string _name;
    private readonly IConfigurationSection[] _layers;

    public ClientConfiguration(IConfiguration configuration, string name)
    {
        _name = name;
        var general = configuration.GetSection(SectionName);
        var own = general.GetSection(name);
        _layers = [ReadConnectionString(configuration, name), own, general];

        // The first layer that has an address decides, in whichever way it is written.
        var addresses = _layers.Select(static layer => AddressKeys.Select(layer.GetSection).Where(static key => key.Exists()));
        var hidden = addresses.SkipWhile(static keys => !keys.Any()).Skip(1).SelectMany(static keys => keys)
            .Concat(_layers.SelectMany(static layer => SettingsOnly.Select(layer.GetSection)))
            .Concat(general.GetChildren().Where(IsOtherClient))
            .Append(own)
            .Select(static key => key.Path).ToHashSet(StringComparer.OrdinalIgnoreCase);
        Options = LayeredSection.Of(_layers, section => hidden.Contains(section.Path));
    }

    /// <summary>The client's options.</summary>
    public IConfigurationSection Options { get; }

    /// <summary>Whether there is an address, one or several.</summary>
    public bool HasAddress => AddressKeys.Any(key => Options.GetSection(key).Exists());

    /// <exception cref="InvalidOperationException">A value cannot be read.</exception>
    public VllmGrpcClientSettings ReadSettings() => new()
    {
        Endpoint = Options.GetSection(Endpoint) is { Value.Length: > 0 } address ? ReadAddress(address) : null,
        DisableHealthChecks = ReadFlag(nameof(VllmGrpcClientSettings.DisableHealthChecks)),
        DisableTracing = ReadFlag(nameof(VllmGrpcClientSettings.DisableTracing)),
        DisableMetrics = ReadFlag(nameof(VllmGrpcClientSettings.DisableMetrics)),
    };

    private static Uri ReadAddress(IConfigurationSection address)
    {
        try
        {
            return EndpointAddress.Parse(address.Value!);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidOperationException($"{address.Path}: {exception.Message}", exception);
        }
    }

    private bool ReadFlag(string key) =>
        _layers.Select(layer => layer.GetSection(key)).FirstOrDefault(static value => !string.IsNullOrEmpty(value.Value)) is { } set
        && (bool.TryParse(set.Value, out var flag)
            ? flag
            : throw new InvalidOperationException($"{set.Path} is '{set.Value}', but must be true or false."));

    private bool IsOtherClient(IConfigurationSection section) => section.GetChildren().Any()
        && !typeof(VllmGrpcOptions).GetProperties().Any(option => option.Name.Equals(section.Key, StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads <c>Endpoint=http://host:port;Model=…;ModelDirectory=…</c>, or an address alone, as a section of options.</summary>
    /// <exception cref="InvalidOperationException">The text is neither.</exception>
    private static IConfigurationSection ReadConnectionString(IConfiguration configuration, string name)
    {
        var path = $"ConnectionStrings:{name}";
        var options = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        if (configuration[path] is { Length: > 0 } text)
        {
            if (!text.Contains('=', StringComparison.Ordinal))
            {
                options[$"{path}:{Endpoint}"] = text;
            }
            else
            {
                foreach (var (keyword, value) in Parts(path, text))
                {
                    options[$"{path}:{Keywords[keyword]}"] = value;
                }
            }
        }

        return new ConfigurationBuilder().AddInMemoryCollection(options).Build().GetSection(path);
    }

    private static List<(string Keyword, string Value)> Parts(string path, string text)
    {
        const string Form =
            "write Endpoint=http://host:port;Model=NAME;ModelDirectory=FOLDER, of which the last two are optional, or http://host:port alone";
        var builder = new DbConnectionStringBuilder();
        try
        {
            builder.ConnectionString = text;
        }
        catch (ArgumentException exception)
        {
            throw new InvalidOperationException($"{path} is not a valid connection string: {Form}.", exception);
        }

        var parts = builder.Keys.Cast<string>().Select(keyword => (keyword, (string)builder[keyword])).ToList();
        return parts.Find(static part => !Keywords.ContainsKey(part.keyword)).keyword is { } unknown
            ? throw new InvalidOperationException($"{path} has the unknown keyword '{unknown}': {Form}.")
            : parts.Exists(static part => part.keyword.Equals(Endpoint, StringComparison.OrdinalIgnoreCase)) ? parts
            : throw new InvalidOperationException($"{path} has no Endpoint: {Form}.");
    }
}
