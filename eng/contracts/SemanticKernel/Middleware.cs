using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.AI
{
    public sealed class ChatClientBuilder(IChatClient innerClient)
    {
        public IChatClient Build(IServiceProvider? services = null)
        {
            _ = services;
            return innerClient;
        }
    }
}

namespace Microsoft.SemanticKernel
{
    public static class KernelFunctionInvokingChatClientBuilderExtensions
    {
        public static ChatClientBuilder UseKernelFunctionInvocation(this ChatClientBuilder builder, ILoggerFactory? loggerFactory = null)
        {
            _ = loggerFactory;
            return builder;
        }
    }
}
