using System.Globalization;

namespace Connectors.Vllm.TestSupport;

/// <summary>Measures the CPU time of work, independently of other processes.</summary>
public static class ProcessorTime
{
    private const string Statistics = "/proc/thread-self/stat";
    private const int TicksPerSecond = 100;

    /// <summary>
    /// Processor time that the calling thread has taken so far, to a hundredth of a second; of the whole process on systems that do not tell it of a
    /// thread.
    /// </summary>
    public static TimeSpan OfThread()
    {
        if (!File.Exists(Statistics))
        {
            return Environment.CpuUsage.TotalTime;
        }

        // See proc_pid_stat(5): after the name in parentheses, the 12th and 13th fields are the ticks in user and system mode.
        var text = File.ReadAllText(Statistics);
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
    }

    private static double Number(string field) => double.Parse(field, CultureInfo.InvariantCulture);
}
