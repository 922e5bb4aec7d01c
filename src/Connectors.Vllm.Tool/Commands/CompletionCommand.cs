using System.CommandLine;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Commands;

/// <summary>
/// <c>completion</c>: the script with which a shell completes verbs and options. It calls this program, so it never has to be regenerated.
/// </summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _vllm_grpc() {
          local IFS=$'\n'
          COMPREPLY=($(vllm-grpc "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null))
        }
        complete -o default -F _vllm_grpc vllm-grpc
        """;

    private const string Zsh = """
        #compdef vllm-grpc
        _vllm_grpc() {
          local -a suggestions
          suggestions=("${(@f)$(vllm-grpc "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
          compadd -- "${suggestions[@]}"
        }
        compdef _vllm_grpc vllm-grpc
        """;

    private const string Fish = """
        complete -c vllm-grpc -f -a '(vllm-grpc "[suggest:"(commandline -C)"]" (commandline) 2>/dev/null)'
        """;

    private const string PowerShell = """
        Register-ArgumentCompleter -Native -CommandName vllm-grpc -ScriptBlock {
          param($wordToComplete, $commandAst, $cursorPosition)
          vllm-grpc "[suggest:$cursorPosition]" "$commandAst" 2>$null | ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
          }
        }
        """;

    private const string Examples = """
        Prints the script that completes verbs and options in a shell.

        Examples:
          source <(vllm-grpc completion bash)
          vllm-grpc completion zsh > "${fpath[1]}/_vllm-grpc"
          vllm-grpc completion fish > ~/.config/fish/completions/vllm-grpc.fish
          vllm-grpc completion pwsh | Out-String | Invoke-Expression
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh, fish or pwsh." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish", "pwsh");
        var command = new Command("completion", Examples) { shell };
        command.SetAction(parsed =>
        {
            // With the line endings that every shell accepts.
            Console.Out.Write(Script(parsed.GetValue(shell)!).ReplaceLineEndings("\n") + "\n");
            return ExitCode.Success;
        });
        return command;
    }

    private static string Script(string shell) => shell switch
    {
        "zsh" => Zsh,
        "fish" => Fish,
        "pwsh" => PowerShell,
        _ => Bash,
    };
}
