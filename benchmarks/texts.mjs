// Makes the texts for compare-tokenizers.mjs from free text on this machine: English (licences and documents), code (this repository),
// Chinese and Japanese (made from frequent words, punctuated like sentences). Prints the folder. usage: node texts.mjs [FOLDER]
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';

const Size = 1_000_000;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function makeTexts(folder = join(tmpdir(), 'connectors-vllm-texts')) {
  mkdirSync(folder, { recursive: true });
  const english = collect(['/usr/share/common-licenses', '/usr/share/perl', '/usr/share/doc', join(root, 'docs')], /(^[A-Z]+-?[0-9.]*|\.pod|copyright|README.*|\.md|NEWS)$/);
  const code = collect([join(root, 'src'), join(root, 'tests'), join(root, 'benchmarks')], /\.(cs|mjs|py)$/);
  write(folder, 'en.txt', english);
  write(folder, 'code.txt', code);
  write(folder, 'zh.txt', sentences(chinese, '，。！？；：', 7));
  write(folder, 'ja.txt', sentences(japanese, '、。！？', 11));
  return folder;
}

function collect(folders, pattern) {
  let text = '';
  const seen = new Set();
  const visit = (path) => {
    if (text.length >= Size || !existsSync(path)) return;
    for (const name of readdirSync(path).sort()) {
      const child = join(path, name);
      const info = statSync(child, { throwIfNoEntry: false });
      if (info?.isDirectory() && !['obj', 'bin', 'node_modules'].includes(name)) visit(child);
      else if (info?.isFile() && pattern.test(name) && info.size < 200_000) {
        // The same licence lies in many folders; once is enough.
        const content = readFileSync(child, 'utf8');
        const paragraphs = content.split('\n\n').filter((paragraph) => !seen.has(paragraph) && seen.add(paragraph));
        text += paragraphs.join('\n\n') + '\n';
      }
    }
  };
  folders.forEach(visit);
  return text;
}

function write(folder, name, text) {
  let cut = Buffer.from(text, 'utf8').subarray(0, Size).toString('utf8');
  cut = cut.replace(/\uFFFD+$/u, '');
  writeFileSync(join(folder, name), cut);
}

// A small linear congruential generator, so that every machine makes the same text.
function sentences(words, marks, seed) {
  let state = BigInt(seed);
  const next = (limit) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(limit));
  };
  const parts = [];
  let length = 0;
  while (length < Size) {
    const count = 4 + next(12);
    let sentence = '';
    for (let i = 0; i < count; i++) {
      // Frequent words come first in the list.
      sentence += words[Math.min(next(words.length), next(words.length))];
      if (i % 6 === 5) sentence += marks[0];
    }
    sentence += marks[1 + next(marks.length - 1)];
    if (next(9) === 0) sentence += '\n';
    parts.push(sentence);
    length += Buffer.byteLength(sentence);
  }
  return parts.join('');
}

const chinese = ('的 是 在 我们 他们 了 和 有 这个 那个 一个 不 人 中国 可以 使用 系统 软件 自由 问题 没有 时候 工作 进行 发展 社会 经济 国家 世界 生活 学习 '
  + '研究 技术 信息 数据 网络 计算机 程序 文件 用户 管理 安装 配置 服务器 操作 命令 目录 版本 支持 提供 需要 如果 因为 所以 但是 然而 而且 或者 '
  + '已经 正在 将会 应该 必须 能够 可能 非常 比较 特别 更加 最后 首先 然后 同时 通过 根据 关于 对于 由于 之间 之后 之前 以及 其中 其他 所有 许多 '
  + '北京 上海 广州 大学 老师 学生 朋友 家庭 孩子 父母 医院 公司 银行 市场 价格 产品 质量 企业 政府 法律 文化 历史 艺术 音乐 电影 新闻 报纸 书籍 '
  + '天气 春天 夏天 秋天 冬天 早上 晚上 今天 明天 昨天 星期 时间 地方 城市 农村 山水 河流 森林 动物 植物 食物 米饭 面条 水果 蔬菜 咖啡 '
  + '语言模型 人工智能 机器学习 神经网络 自然语言处理 深度学习 算法 训练 推理 部署 优化 性能 内存 处理器 图形 并行 分布式 数据库 查询 接口 协议 '
  + '开源 社区 贡献 许可证 文档 教程 例子 错误 调试 测试 编译 链接 运行 环境 变量 函数 参数 返回值 对象 类型 字符串 数组 循环 条件 异常 线程 进程').split(' ');

const japanese = ('は の を に が と で も です ます した する これは それは あの この その ある いる ない こと もの とき ところ ため よう から まで より など だけ '
  + '日本 東京 大阪 京都 世界 人間 時間 問題 仕事 会社 学校 先生 学生 友達 家族 子供 電車 天気 今日 明日 昨日 朝 夜 春 夏 秋 冬 食べました 飲みます 行きました '
  + '見ました 聞いています 話します 読んでいる 書いた 考える 思います 分かりません できます 必要です 大切な 美しい 新しい 古い 大きい 小さな 楽しい 難しい '
  + 'コンピューター システム ソフトウェア プログラム ファイル データ ネットワーク サーバー ユーザー インターネット メモリー モデル トークン テキスト '
  + 'インストール パッケージ バージョン コマンド ディレクトリ エラー テスト サービス アプリケーション 設定 管理 使用 提供 利用 可能 方法 場合 情報 技術 '
  + '機械学習 人工知能 自然言語処理 文字列 関数 変数 言語 研究 開発 歴史 文化 経済 社会 政府 法律 音楽 映画 料理 ラーメン 寿司 お茶 ください ありがとう').split(' ');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(makeTexts(process.argv[2]));
}
