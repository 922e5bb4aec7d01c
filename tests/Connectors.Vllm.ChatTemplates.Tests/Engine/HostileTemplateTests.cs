namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

/// <summary>
/// Whatever a template does, it ends soon and within bounded memory: with a text, or with the documented error. Run with a tenth of the default
/// steps; the guards are far above what an idle machine needs, and far below what any of these cost before they were counted.
/// </summary>
public sealed class HostileTemplateTests
{
    private const long MaxSteps = 1_000_000;
    private const long MaxBytes = 400L << 20;
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(10);

    public static TheoryData<int> Numbers => [.. Enumerable.Range(0, HostileTemplates.All.Length)];

    public static TheoryData<int> LongNumbers => [.. Enumerable.Range(0, HostileTemplates.Long.Length)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Render_HostileTemplate_EndsWithinBounds(int number) => Run(HostileTemplates.All[number]);

    [Theory]
    [MemberData(nameof(LongNumbers))]
    public void Parse_HostileSource_EndsWithinBounds(int number)
    {
        var (before, piece, times, after) = HostileTemplates.Long[number];
        Run(before + string.Concat(Enumerable.Range(0, times).Select(i => piece.Replace("@", $"{i}", StringComparison.Ordinal))) + after);
    }

    private static void Run(string template)
    {
        var started = ProcessorTime.OfThread();
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Templates.Render(template, """[{"role":"user","content":"hé🎉 ab<c"}]""", options: new ChatTemplateOptions { MaxSteps = MaxSteps });
        }
        catch (ChatTemplateException exception)
        {
            Assert.NotEmpty(exception.Message);
        }

        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        var time = ProcessorTime.OfThread() - started;
        Assert.True(time < MaxTime, $"took {time}: {template[..Math.Min(200, template.Length)]}");
        Assert.True(bytes < MaxBytes, $"allocated {bytes >> 20} MB: {template[..Math.Min(200, template.Length)]}");
    }
}
