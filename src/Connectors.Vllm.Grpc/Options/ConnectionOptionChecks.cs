using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Connectors.Vllm.Shared;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>What is wrong with connection options, each named with its configuration key (<c>Retry:MaxRetries</c>).</summary>
internal static class ConnectionOptionChecks
{
    private const string RetrySection = nameof(VllmConnectionOptions.Retry) + ":";

    public static IEnumerable<ValidationResult> Of(VllmConnectionOptions options) =>
        Addresses(options).Concat(TimeLimits(options)).Concat(Sizes(options)).Concat(Delays(options)).Concat(Choices(options))
            .Concat(Credentials(options));

    private static IEnumerable<ValidationResult> Addresses(VllmConnectionOptions options)
    {
        foreach (var endpoint in options.Endpoints)
        {
            if (!EndpointAddress.TryNormalize(endpoint, out _, out var problem))
            {
                yield return new ValidationResult(problem, [nameof(options.Endpoints)]);
            }
        }
    }

    private static IEnumerable<ValidationResult> TimeLimits(VllmConnectionOptions options)
    {
        (string Name, TimeSpan? Value)[] limits =
        [
            (nameof(options.ConnectTimeout), options.ConnectTimeout), (nameof(options.CallTimeout), options.CallTimeout),
            (nameof(options.GenerationTimeout), options.GenerationTimeout), (nameof(options.FirstTokenTimeout), options.FirstTokenTimeout),
            (nameof(options.BetweenTokensTimeout), options.BetweenTokensTimeout), (nameof(options.AbortTimeout), options.AbortTimeout),
            (nameof(options.TokenizerTimeout), options.TokenizerTimeout), (nameof(options.KeepAlivePingInterval), options.KeepAlivePingInterval),
        ];
        return limits.Where(static limit => limit.Value <= TimeSpan.Zero && limit.Value != Timeout.InfiniteTimeSpan)
            .Select(static limit => new ValidationResult(
                $"{limit.Value} is not a valid time limit; use a positive time such as 00:01:00, or -00:00:00.001 for no limit.", [limit.Name]));
    }

    private static IEnumerable<ValidationResult> Sizes(VllmConnectionOptions options)
    {
        (string Name, long Bytes)[] sizes =
        [
            (nameof(options.MaxReceiveMessageBytes), options.MaxReceiveMessageBytes),
            (nameof(options.MaxSendMessageBytes), options.MaxSendMessageBytes),
            (nameof(options.MaxTokenizerBytes), options.MaxTokenizerBytes),
        ];
        return sizes.Where(static size => size.Bytes < 1).Select(static size => new ValidationResult(
            string.Create(CultureInfo.InvariantCulture, $"{size.Bytes} is not a valid size; use a number of bytes above 0."), [size.Name]));
    }

    private static IEnumerable<ValidationResult> Delays(VllmConnectionOptions options)
    {
        var retry = options.Retry;
        (string Name, TimeSpan Value)[] delays =
        [
            (nameof(options.ProbeInterval), options.ProbeInterval), (RetrySection + nameof(retry.BaseDelay), retry.BaseDelay),
            (RetrySection + nameof(retry.MaxDelay), retry.MaxDelay), (RetrySection + nameof(retry.OverloadTimeout), retry.OverloadTimeout),
            (RetrySection + nameof(retry.WaitForReady), retry.WaitForReady),
        ];
        foreach (var (name, delay) in delays.Where(static delay => delay.Value < TimeSpan.Zero))
        {
            yield return new ValidationResult($"{delay} is negative; use 00:00:00 or more.", [name]);
        }

        if (retry.MaxRetries is < 0 or > VllmRetryOptions.MostRetries)
        {
            yield return new ValidationResult(
                string.Create(
                    CultureInfo.InvariantCulture, $"{retry.MaxRetries} is out of range; use 0 (no retries) to {VllmRetryOptions.MostRetries}."),
                [RetrySection + nameof(retry.MaxRetries)]);
        }
    }

    private static IEnumerable<ValidationResult> Choices(VllmConnectionOptions options)
    {
        if (!Enum.IsDefined(options.Protocol))
        {
            yield return new ValidationResult(
                $"{options.Protocol} is unknown; use one of {string.Join(", ", Enum.GetNames<VllmProtocol>())}.", [nameof(options.Protocol)]);
        }

        if (options.ConstraintStart is { } start && !Enum.IsDefined(start))
        {
            yield return new ValidationResult(
                $"{start} is unknown; use one of {string.Join(", ", Enum.GetNames<ConstraintStart>())}.", [nameof(options.ConstraintStart)]);
        }
    }

    private static IEnumerable<ValidationResult> Credentials(VllmConnectionOptions options)
    {
        if (options.BearerToken is not null && MetadataRules.Explain("authorization", options.BearerToken) is not null)
        {
            yield return new ValidationResult(
                "The token contains characters that are not printable ASCII (a line break at its end?).", [nameof(options.BearerToken)]);
        }

        foreach (var (name, value) in options.Metadata)
        {
            if (MetadataRules.Explain(name, value) is { } problem)
            {
                yield return new ValidationResult(problem, [$"{nameof(options.Metadata)}:{name}"]);
            }
        }

        foreach (var (name, file) in new[]
        {
            (nameof(options.RootCertificateFile), options.RootCertificateFile),
            (nameof(options.ClientCertificateFile), options.ClientCertificateFile),
            (nameof(options.ClientCertificateKeyFile), options.ClientCertificateKeyFile),
        })
        {
            if (file is not null && !File.Exists(file))
            {
                yield return new ValidationResult($"The file '{file}' does not exist.", [name]);
            }
        }

        if (options.ClientCertificateFile is null && options.ClientCertificateKeyFile is not null)
        {
            yield return new ValidationResult(
                $"A private key requires its certificate: set {nameof(options.ClientCertificateFile)} as well.",
                [nameof(options.ClientCertificateKeyFile)]);
        }
    }
}

/// <summary>What gRPC metadata may hold (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Custom-Metadata).</summary>
internal static class MetadataRules
{
    /// <summary>An entry that was found right; the bytes of a binary one are given as base64.</summary>
    public static Metadata.Entry ToEntry(string name, string value) =>
        IsBinary(name) && TryDecode(value, out var bytes) ? new(name, bytes) : new(name, value);

    /// <summary>What is wrong with an entry; null when nothing is.</summary>
    public static string? Explain(string name, string? value)
    {
        if (name.Length == 0 || name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase))
        {
            return $"'{name}' is not a valid metadata name: it is empty or reserved.";
        }

        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.'))
            {
                return $"'{name}' is not a valid metadata name: use letters, digits, '-', '_' and '.'.";
            }
        }

        // The value itself may be a secret and is not repeated.
        if (IsBinary(name) && (value is null || !TryDecode(value, out _)))
        {
            return $"The value of the metadata '{name}' is not valid base64, which is required for names that end in '-bin'.";
        }

        return value is null || value.AsSpan().ContainsAnyExceptInRange(' ', '~') ? $"The value of the metadata '{name}' contains characters "
            + $"that are not printable ASCII." : null;
    }

    private static bool IsBinary(string name) => name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Base64 with or without its padding: senders of gRPC may leave it out.</summary>
    private static bool TryDecode(string value, out byte[] bytes)
    {
        var padded = value.PadRight((value.Length + 3) / 4 * 4, '=');
        bytes = new byte[padded.Length / 4 * 3];
        var isRight = Convert.TryFromBase64String(padded, bytes, out var count);
        bytes = bytes[..(isRight ? count : 0)];
        return isRight;
    }
}
