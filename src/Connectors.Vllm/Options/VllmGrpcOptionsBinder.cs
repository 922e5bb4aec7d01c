using System.Globalization;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.Configuration;
using ConstraintStart = Connectors.Vllm.Grpc.ConstraintStart;

namespace Connectors.Vllm;

/// <summary>
/// Fills <see cref="VllmGrpcOptions"/> from a configuration section by hand: no reflection, so it survives trimming, and a value that cannot be read
/// is an error that names the full key.
/// </summary>
internal static class VllmGrpcOptionsBinder
{
    /// <exception cref="InvalidOperationException">A value cannot be read as what its key needs.</exception>
    public static void Bind(IConfiguration section, VllmGrpcOptions options)
    {
        if (Text(section, "Endpoint") is { } endpoint)
        {
            options.Endpoints.Clear();
            options.Endpoints.Add(Address(section, "Endpoint", endpoint));
        }

        var endpoints = section.GetSection("Endpoints");
        if (endpoints.GetChildren().Any())
        {
            options.Endpoints.Clear();
            foreach (var item in endpoints.GetChildren())
            {
                options.Endpoints.Add(Address(endpoints, item.Key, item.Value ?? string.Empty));
            }
        }

        options.ModelId = Text(section, nameof(options.ModelId)) ?? options.ModelId;
        options.ModelDirectory = Text(section, nameof(options.ModelDirectory)) ?? options.ModelDirectory;
        options.ModelRepository = Text(section, nameof(options.ModelRepository)) ?? options.ModelRepository;
        options.ModelRevision = Text(section, nameof(options.ModelRevision)) ?? options.ModelRevision;
        options.HubCacheDirectory = Text(section, nameof(options.HubCacheDirectory)) ?? options.HubCacheDirectory;
        options.HubToken = Text(section, nameof(options.HubToken)) ?? options.HubToken;
        options.ChatTemplate = Text(section, nameof(options.ChatTemplate)) ?? options.ChatTemplate;
        options.ToolCallParser = Text(section, nameof(options.ToolCallParser)) ?? options.ToolCallParser;
        options.ReasoningParser = Text(section, nameof(options.ReasoningParser)) ?? options.ReasoningParser;
        options.ImagePlaceholder = Text(section, nameof(options.ImagePlaceholder)) ?? options.ImagePlaceholder;
        options.ImageToken = Text(section, nameof(options.ImageToken)) ?? options.ImageToken;
        options.RequireServedModel = Flag(section, nameof(options.RequireServedModel)) ?? options.RequireServedModel;
        options.AllowModelDownload = Flag(section, nameof(options.AllowModelDownload)) ?? options.AllowModelDownload;
        options.ValidateToolNames = Flag(section, nameof(options.ValidateToolNames)) ?? options.ValidateToolNames;
        options.StopInReasoning = Flag(section, nameof(options.StopInReasoning)) ?? options.StopInReasoning;
        options.SendReasoningHistory = Flag(section, nameof(options.SendReasoningHistory)) ?? options.SendReasoningHistory;
        options.AllowControlTokensInContent = Flag(section, nameof(options.AllowControlTokensInContent)) ?? options.AllowControlTokensInContent;
        options.DescribeSchemaInPrompt = Flag(section, nameof(options.DescribeSchemaInPrompt)) ?? options.DescribeSchemaInPrompt;
        options.AllowRemoteMedia = Flag(section, nameof(options.AllowRemoteMedia)) ?? options.AllowRemoteMedia;
        options.ContentFormat = Name<ChatContentFormat>(section, nameof(options.ContentFormat)) ?? options.ContentFormat;
        options.MalformedToolCalls = Name<MalformedCallPolicy>(section, nameof(options.MalformedToolCalls)) ?? options.MalformedToolCalls;
        if (Text(section, nameof(options.HubEndpoint)) is { } hub)
        {
            options.HubEndpoint = Address(section, nameof(options.HubEndpoint), hub);
        }

        foreach (var argument in section.GetSection(nameof(options.ChatTemplateArguments)).GetChildren())
        {
            options.ChatTemplateArguments[argument.Key] = Loose(argument.Value);
        }

        BindConnection(section.GetSection(nameof(options.Connection)), options.Connection);
    }

    private static void BindConnection(IConfigurationSection section, VllmConnectionOptions connection)
    {
        connection.Protocol = Name<VllmProtocol>(section, nameof(connection.Protocol)) ?? connection.Protocol;
        connection.ConstraintStart = Name<ConstraintStart>(section, nameof(connection.ConstraintStart)) ?? connection.ConstraintStart;
        connection.BearerToken = Text(section, nameof(connection.BearerToken)) ?? connection.BearerToken;
        connection.ConnectTimeout = Time(section, nameof(connection.ConnectTimeout)) ?? connection.ConnectTimeout;
        connection.CallTimeout = Time(section, nameof(connection.CallTimeout)) ?? connection.CallTimeout;
        connection.GenerationTimeout = Time(section, nameof(connection.GenerationTimeout)) ?? connection.GenerationTimeout;
        connection.FirstTokenTimeout = Time(section, nameof(connection.FirstTokenTimeout)) ?? connection.FirstTokenTimeout;
        connection.BetweenTokensTimeout = Time(section, nameof(connection.BetweenTokensTimeout)) ?? connection.BetweenTokensTimeout;
        connection.AbortTimeout = Time(section, nameof(connection.AbortTimeout)) ?? connection.AbortTimeout;
        connection.TokenizerTimeout = Time(section, nameof(connection.TokenizerTimeout)) ?? connection.TokenizerTimeout;
        connection.KeepAlivePingInterval = Time(section, nameof(connection.KeepAlivePingInterval)) ?? connection.KeepAlivePingInterval;
        connection.ProbeInterval = Time(section, nameof(connection.ProbeInterval)) ?? connection.ProbeInterval;
        connection.PrefixAffinity = Flag(section, nameof(connection.PrefixAffinity)) ?? connection.PrefixAffinity;
        connection.ApplyModelSamplingDefaults = Flag(section, nameof(connection.ApplyModelSamplingDefaults)) ?? connection.ApplyModelSamplingDefaults;
        connection.MaxReceiveMessageBytes = Number(section, nameof(connection.MaxReceiveMessageBytes)) ?? connection.MaxReceiveMessageBytes;
        connection.MaxSendMessageBytes = Number(section, nameof(connection.MaxSendMessageBytes)) ?? connection.MaxSendMessageBytes;
        foreach (var item in section.GetSection(nameof(connection.Metadata)).GetChildren())
        {
            connection.Metadata[item.Key] = item.Value ?? string.Empty;
        }

        var retry = section.GetSection(nameof(connection.Retry));
        connection.Retry.MaxRetries = Number(retry, nameof(connection.Retry.MaxRetries)) ?? connection.Retry.MaxRetries;
    }

    private static string? Text(IConfiguration section, string key) => section[key] is { Length: > 0 } value ? value : null;

    private static bool? Flag(IConfiguration section, string key) => Text(section, key) is not { } text
        ? null
        : bool.TryParse(text, out var value) ? value : throw Wrong(section, key, text, "true or false");

    private static int? Number(IConfiguration section, string key) => Text(section, key) is not { } text
        ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : throw Wrong(section, key, text, "a whole number");

    private static TimeSpan? Time(IConfiguration section, string key) => Text(section, key) is not { } text
        ? null
        : TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : throw Wrong(section, key, text, "a time such as 00:01:00");

    private static T? Name<T>(IConfiguration section, string key)
        where T : struct, Enum => Text(section, key) is not { } text
        ? null
        : Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value) ? value : throw Wrong(section, key, text, "one of " + string.Join(", ", Enum.GetNames<T>()));

    private static Uri Address(IConfiguration section, string key, string text) =>
        Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var value)
            ? value
            : throw Wrong(section, key, text, "an address such as http://host:50051");

    /// <summary>Configuration knows only strings; template variables are mostly flags and numbers.</summary>
    private static object? Loose(string? text) =>
        bool.TryParse(text, out var flag) ? flag
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : text;

    private static InvalidOperationException Wrong(IConfiguration section, string key, string text, string expected)
    {
        var path = section is IConfigurationSection named ? $"{named.Path}:{key}" : key;
        return new InvalidOperationException($"Configuration key '{path}' is '{text}', but must be {expected}.");
    }
}
