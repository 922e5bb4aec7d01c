using System.Globalization;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm;

/// <summary>Checks options when the application starts. Each message names the key and what to write there.</summary>
internal sealed class VllmGrpcOptionsValidator(string optionsName, string path) : IValidateOptions<VllmGrpcOptions>
{
    private const int MaxRetries = 10;

    /// <summary>What can stand in place of a parser's name: no parser, the model's choice, and the model's own response template.</summary>
    private static readonly string[] ParserChoices = ["none", "auto", "hf"];

    public ValidateOptionsResult Validate(string? name, VllmGrpcOptions options)
    {
        if ((name ?? Microsoft.Extensions.Options.Options.DefaultName) != optionsName)
        {
            return ValidateOptionsResult.Skip;
        }

        var problems = Check(options);
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems.Select(problem => path + problem));
    }

    public static List<string> Check(VllmGrpcOptions options)
    {
        var problems = new List<string>();
        foreach (var endpoint in options.Endpoints)
        {
            if (endpoint is null || !endpoint.IsAbsoluteUri || endpoint.Scheme is not ("http" or "https" or "grpc" or "grpcs"))
            {
                problems.Add($"Endpoints: '{endpoint}' is not a server address; write http://host:port, or https://host:port for TLS.");
            }
            else if (endpoint.AbsolutePath.Length > 1 || endpoint.Query.Length > 0)
            {
                problems.Add($"Endpoints: '{endpoint}' has a path; a gRPC server address is only http://host:port or https://host:port.");
            }
        }

        var connection = options.Connection;
        Positive(connection.ConnectTimeout, nameof(connection.ConnectTimeout));
        Positive(connection.CallTimeout, nameof(connection.CallTimeout));
        Positive(connection.GenerationTimeout, nameof(connection.GenerationTimeout));
        Positive(connection.FirstTokenTimeout, nameof(connection.FirstTokenTimeout));
        Positive(connection.BetweenTokensTimeout, nameof(connection.BetweenTokensTimeout));
        Positive(connection.AbortTimeout, nameof(connection.AbortTimeout));
        Positive(connection.TokenizerTimeout, nameof(connection.TokenizerTimeout));
        Positive(connection.KeepAlivePingInterval, nameof(connection.KeepAlivePingInterval));
        AtLeastOne(connection.MaxReceiveMessageBytes, nameof(connection.MaxReceiveMessageBytes));
        AtLeastOne(connection.MaxSendMessageBytes, nameof(connection.MaxSendMessageBytes));
        if (connection.ProbeInterval < TimeSpan.Zero)
        {
            problems.Add($"Connection:ProbeInterval: {connection.ProbeInterval} is negative; write 00:00:00 to ask at every chance, or a time such as 00:00:05.");
        }

        if (connection.Retry.MaxRetries is < 0 or > MaxRetries)
        {
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"Connection:Retry:MaxRetries: {connection.Retry.MaxRetries} is not from 0 (never) to {MaxRetries}."));
        }

        if (!Enum.IsDefined(connection.Protocol))
        {
            problems.Add($"Connection:Protocol: {connection.Protocol} is unknown; write one of {string.Join(", ", Enum.GetNames<VllmProtocol>())}.");
        }

        if (options.ModelId is { } id && string.IsNullOrWhiteSpace(id))
        {
            problems.Add("ModelId: is empty; leave the key out to use the server's model.");
        }

        if (options.ModelDirectory is { } directory && !Directory.Exists(directory))
        {
            problems.Add($"ModelDirectory: the directory '{directory}' does not exist.");
        }

        if (options.ModelRepository is { } repository && ModelIdentity.From(repository).Repository is null)
        {
            problems.Add($"ModelRepository: '{repository}' is not a hub id; write owner/name, such as Qwen/Qwen3-8B.");
        }

        if (options.HubEndpoint is { } hub && !(hub.IsAbsoluteUri && hub.Scheme is "http" or "https"))
        {
            problems.Add($"HubEndpoint: '{hub}' is not an http or https address.");
        }

        if (options.ChatTemplate is { } template && string.IsNullOrWhiteSpace(template))
        {
            problems.Add("ChatTemplate: is empty; leave the key out to use the model's own template.");
        }

        Known(options.ToolCallParser, nameof(options.ToolCallParser), OutputFormats.ToolParsers);
        Known(options.ReasoningParser, nameof(options.ReasoningParser), OutputFormats.ReasoningParsers);
        return problems;

        void Known(string? name, string key, IReadOnlyList<string> names)
        {
            if (name is not null && !names.Concat(ParserChoices).Contains(name.Trim(), StringComparer.OrdinalIgnoreCase))
            {
                problems.Add($"{key}: '{name}' is unknown; leave the key out to have it chosen by the model, or write one of {string.Join(", ", ParserChoices.Concat(names.Order(StringComparer.Ordinal)).Distinct(StringComparer.Ordinal))}.");
            }
        }

        void AtLeastOne(int bytes, string key)
        {
            if (bytes < 1)
            {
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"Connection:{key}: {bytes} is not a size; write a number of bytes above 0."));
            }
        }

        void Positive(TimeSpan? value, string key)
        {
            if (value <= TimeSpan.Zero && value != Timeout.InfiniteTimeSpan)
            {
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"Connection:{key}: {value} is not a time limit; write a positive time such as 00:01:00."));
            }
        }
    }
}
