using System.Text;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>Natural text: own sentences in many scripts, and the source code and documents of this repository.</summary>
internal static class NaturalText
{
    private static readonly string[] Sentences =
    [
        "Hello, world! It's a fine day; we'll see what they've done.\n\nThe quick brown fox jumps over 13 lazy dogs, doesn't it?",
        "In 2024 the price rose from $1,234.56 to €9.876,54 (about 12.5 %). See https://example.org/a?b=c&d=e#f, please.",
        "今天天气很好，我们去公园散步吧。北京是中国的首都，有很多历史悠久的建筑物。价格是１２３４元。",
        "東京は日本の首都です。昨日、友達とラーメンを食べました。とても美味しかったです！カタカナ・ひらがな、々も。",
        "안녕하세요. 오늘은 날씨가 참 좋네요. 서울에서 부산까지 기차로 갑니다.",
        "Привет, мир! Сегодня хорошая погода, и мы идём гулять в парк.",
        "مرحبا بالعالم! كيف حالك اليوم؟ السعر هو ١٢٣ ريالا.",
        "שלום עולם! מה שלומך היום? המחיר הוא 45 שקלים.",
        "नमस्ते दुनिया! आज मौसम बहुत अच्छा है। कीमत १२३ रुपये है।",
        "வணக்கம் உலகம்! இன்று வானிலை மிகவும் நன்றாக உள்ளது.",
        "สวัสดีชาวโลก วันนี้อากาศดีมาก ราคา ๑๒๓ บาท",
        "Γειά σου Κόσμε! Ο καιρός είναι καλός σήμερα. ΟΔΟΣ",
        "Xin chào thế giới! Hôm nay trời đẹp. Tiếng Việt có nhiều dấu: ặ ế ộ ữ.",
        "😀 😃 👍🏽 👩‍💻 👨‍👩‍👧‍👦 🇩🇪🇫🇷 ❤️ 🏳️‍🌈 ☕️ — “quoted” ‘single’ … done™",
        "def f(x):\n    if x > 10:\n        return {'a': x**2, \"b\": [1, 2, 3]}\n\n\n\treturn None  # tab\r\n",
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><｜User｜>你好<｜Assistant｜><start_of_turn>model\n<end_of_turn></s>"
            + "<s>[INST] x [/INST]",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n- [ ] todo\n  * nested\n\n```json\n{\"key\": [null, true, -1.5e-3]}\n```",
        "     leading, trailing     \n \n  \n\t\n x\u00A0y\u3000z\u2003w \n",
        string.Empty,
        " ",
        "\n",
    ];

    public static IReadOnlyList<string> All { get; } = [.. Sentences, .. Files()];

    private static IEnumerable<string> Files()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TestPaths.RepositoryRoot, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Take(40))
        {
            yield return Encoding.UTF8.GetString(File.ReadAllBytes(file));
        }

        yield return File.ReadAllText(Path.Combine(TestPaths.RepositoryRoot, "LICENSE"));
    }
}
