using OpenTelemetry;
using OpenTelemetry.Trace;

namespace Connectors.Vllm.Samples.Aspire.Service;

/// <summary>What every service of an Aspire application has: health checks, and telemetry for the dashboard.</summary>
internal static class ServiceDefaults
{
    public static void AddServiceDefaults(this WebApplicationBuilder builder)
    {
        builder.Services.AddHealthChecks();
        builder.Logging.AddOpenTelemetry(static logging => logging.IncludeFormattedMessage = true);
        var telemetry = builder.Services.AddOpenTelemetry().WithTracing(static traces => traces.AddAspNetCoreInstrumentation());
        if (builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 })
        {
            telemetry.UseOtlpExporter();
        }
    }
}
