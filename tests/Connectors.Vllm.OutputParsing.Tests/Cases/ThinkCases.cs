namespace Connectors.Vllm.OutputParsing.Tests;

internal static class ThinkCases
{
    private const string Open = "<|im_start|>assistant\n<think>\n";

    public static IEnumerable<OutputCase> All => new OutputCase[]
    {
        new("no thought", "b", "T b"),
        new("model opens", "<think>\na\n</think>\n\nb", "R a", "T b"),
        new("prompt opens", "a</think>\n\nb", "R a", "T b") { PromptTail = Open },
        new("prompt opens without newline", "\na\n</think>\n\nb", "R a", "T b") { PromptTail = "<｜Assistant｜><think>" },
        new("prompt opens and model opens again", "<think>\na</think>b", "R a", "T b") { PromptTail = Open },
        new("prompt closes", "b", "T b") { PromptTail = "<|im_start|>assistant\n<think>\n\n</think>\n\n" },
        new("earlier turn does not decide", "b", "T b") { PromptTail = "<think>x<|im_end|>\n<|im_start|>assistant\n" },
        new("user text does not decide", "b", "T b") { PromptTail = "what is <think>?<|im_end|>\n<|im_start|>assistant\n" },
        new("never closed", "a b c", "R a b c") { PromptTail = Open },
        new("empty thought", "<think>\n\n</think>\n\nb", "T b"),
        new("empty thought only", "<think>\n\n</think>\n\n"),
        new("partial close is text", "hello </thi s is", "T hello </thi s is"),
        new("partial close in thought", "hello </thi s is", "R hello </thi s is") { PromptTail = Open },
        new("close then text", "x</think>y", "R x", "T y") { PromptTail = Open },
        new("keeps inner blank lines", "a\n\nb\n\n</think>\n\n\nc", "R a\n\nb\n", "T \nc") { PromptTail = Open },
        new("CRLF framing", "<think>\r\na\r\n</think>\r\n\r\nb", "R a", "T b"),
        new("indentation survives", "</think>\n\n    code", "T     code") { PromptTail = Open },
        new("marker in prose stays", "the <think> tag and </think> too", "T the <think> tag and </think> too") { TextOnly = true },
        new("open at end of stream", "text <thi", "T text <thi"),
        new("unicode", "<think>é😀漢</think>ü😀", "R é😀漢", "T ü😀"),
        new("space only answer", "<think>a</think>\n\n \n", "R a"),
        new("space only output", " \n", "T  \n"),
        new("ordinary tokens spell the marker", "use </think> tag", "T use </think> tag") { Tokens = ["<think>", "</think>"], IdsOnly = true },
        new("continued thought", "more</think>b", "R more", "T b") { PromptTail = "<|im_start|>assistant\n<think>\nso far " },
        new("less-than signs", "1 < 2 << 3 <", "T 1 < 2 << 3 <"),
    }.Select(item => item with { Reasoning = "qwen3" });
}
