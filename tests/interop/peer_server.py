"""A vLLM gRPC server of either protocol, written against grpcio alone. The first prompt id chooses the scene:

1 a short answer, 2 an endless one until the client leaves, 3 a refusal, 4 two thousand tokens, 5 an answer that ends at a stop string,
6 INTERNAL after two messages.
"""
import argparse
import hashlib
import io
import sys
import threading
import time
import zipfile
from concurrent import futures

parser = argparse.ArgumentParser()
parser.add_argument("--protocol", choices=["VllmEngine", "Inference"], required=True)
parser.add_argument("--stubs", required=True)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--client-ca")
options = parser.parse_args()
sys.path.insert(0, options.stubs)

import grpc  # noqa: E402

VOCABULARY = 1000
CONTEXT = 8192
EOS = 2
BIG = 2000
printing = threading.Lock()
aborted = set()


def say(line):
    with printing:
        print(line, flush=True)


def steps(prompt, context, request_id):
    """The ids of each message, and after them the finish: a kind and its value."""
    scene = prompt[0]
    if scene == 3:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused: naïve prompt, 100 % of it")
    if scene == 2:
        context.add_callback(lambda: say(f"left {request_id}"))
        number = 0
        while context.is_active() and request_id not in aborted:
            yield [10 + number % 500]
            number += 1
            time.sleep(0.005)
        yield "abort"
    elif scene == 4:
        for number in range(BIG - 1):
            yield [10 + number % 500]
        yield [EOS]
        yield "eos"
    elif scene == 5:
        yield [20]
        yield [21, 22]
        yield "stop"
    elif scene == 6:
        yield [20]
        yield [21]
        context.abort(grpc.StatusCode.INTERNAL, "EngineCore encountered an issue. See stack trace (above) for the root cause.")
    else:
        yield [10]
        yield [11, 12]
        yield [EOS]
        yield "eos"


def engine_services(server):
    from engine import common_pb2, vllm_engine_pb2 as pb, vllm_engine_pb2_grpc

    class Engine(vllm_engine_pb2_grpc.VllmEngineServicer):
        def Generate(self, request, context):
            say(f"generate {request.request_id}")
            prompt = list(request.tokenized.input_ids)
            last, everything = [], []
            for step in steps(prompt, context, request.request_id):
                if isinstance(step, str):
                    ids = last if request.stream else everything
                    complete = pb.GenerateComplete(output_ids=ids, prompt_tokens=len(prompt), completion_tokens=len(ids),
                                                   finish_reason="abort" if step == "abort" else "stop")
                    if step == "stop":
                        complete.matched_stop_str = request.sampling_params.stop[0]
                    yield pb.GenerateResponse(complete=complete)
                    return
                last = step
                everything += step
                if request.stream:
                    yield pb.GenerateResponse(chunk=pb.GenerateStreamChunk(
                        token_ids=step, prompt_tokens=len(prompt), completion_tokens=len(step)))

        def Embed(self, request, context):
            return pb.EmbedResponse(embedding=[0.6, 0.8], prompt_tokens=len(request.tokenized.input_ids), embedding_dim=2)

        def HealthCheck(self, request, context):
            return pb.HealthCheckResponse(healthy=True, message="Health")

        def Abort(self, request, context):
            aborted.update(request.request_ids)
            for request_id in request.request_ids:
                say(f"abort {request_id}")
            return pb.AbortResponse()

        def GetModelInfo(self, request, context):
            return pb.GetModelInfoResponse(
                model_path="/models/peer", is_generation=True, max_context_length=CONTEXT, vocab_size=VOCABULARY, served_model_name="peer",
                tokenizer_path="/models/peer", model_type="qwen3", architectures=["Qwen3ForCausalLM"], eos_token_ids=[EOS],
                max_req_input_len=CONTEXT, default_sampling_params_json='{"temperature":0.6,"top_k":20}')

        def GetServerInfo(self, request, context):
            return pb.GetServerInfoResponse(data_parallel_size=1, constrained_decoding_start="first_token", max_num_seqs=8)

        def GetLoads(self, request, context):
            return pb.GetLoadsResponse(version="peer", dp_rank_count=1, loads=[pb.SchedulerLoad(num_running_reqs=3)])

        def GetTokenizer(self, request, context):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr("tokenizer.json", '{"padding": "' + "x" * 150_000 + '"}')
                archive.writestr("config.json", '{"model_type": "qwen3"}')
            data = buffer.getvalue()
            for start in range(0, len(data), 65536):
                last = start + 65536 >= len(data)
                yield common_pb2.GetTokenizerChunk(data=data[start:start + 65536], sha256=hashlib.sha256(data).hexdigest() if last else "")

    vllm_engine_pb2_grpc.add_VllmEngineServicer_to_server(Engine(), server)


def inference_services(server):
    from inference import control_pb2, control_pb2_grpc, inference_pb2 as pb, inference_pb2_grpc

    def finish(step, request, count):
        info = pb.FinishInfo(num_output_tokens=count, finish_reason=pb.FinishInfo.ABORTED if step == "abort" else pb.FinishInfo.STOP)
        if step == "eos":
            info.eos_token_id = EOS
        elif step == "stop":
            info.stop_string = request.stopping.stop_strings[0]
        return info

    class Inference(inference_pb2_grpc.InferenceServicer):
        def GenerateStream(self, request, context):
            say(f"generate {request.request_id}")
            prompt = list(request.token_ids.ids)
            pending, count, begun = None, 0, False
            for step in steps(prompt, context, request.request_id):
                if not begun:
                    begun = True
                    yield pb.GenerateResponse(prompt_info=pb.PromptInfo(num_prompt_tokens=len(prompt)))
                if isinstance(step, str):
                    output = pb.SequenceOutput(num_tokens=len(pending or []), token_ids=pending or [])
                    output.finish_info.CopyFrom(finish(step, request, count))
                    yield pb.GenerateResponse(outputs=output)
                    return
                if pending is not None:
                    yield pb.GenerateResponse(outputs=pb.SequenceOutput(num_tokens=len(pending), token_ids=pending))
                pending = step
                count += len(step)

        def Generate(self, request, context):
            say(f"generate {request.request_id}")
            if not request.token_ids.ids:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "prompt is required")
            prompt, ids = list(request.token_ids.ids), []
            for step in steps(prompt, context, request.request_id):
                if isinstance(step, str):
                    output = pb.SequenceOutput(num_tokens=len(ids), token_ids=ids)
                    output.finish_info.CopyFrom(finish(step, request, len(ids)))
                    return pb.GenerateResponse(prompt_info=pb.PromptInfo(num_prompt_tokens=len(prompt)), outputs=output)
                ids += step
            return pb.GenerateResponse()

    class Control(control_pb2_grpc.ControlServicer):
        def GetServerInfo(self, request, context):
            return control_pb2.ServerInfo(engine_version="peer", api_version="vllm", max_model_len=CONTEXT)

        def GetModelInfo(self, request, context):
            return control_pb2.ModelInfo(model_id="/models/peer", served_model_name="peer", supports_text_input=True, supports_token_ids_input=True)

        def Abort(self, request, context):
            aborted.update(request.request_ids)
            for request_id in request.request_ids:
                say(f"abort {request_id}")
            return control_pb2.AbortResponse()

    inference_pb2_grpc.add_InferenceServicer_to_server(Inference(), server)
    control_pb2_grpc.add_ControlServicer_to_server(Control(), server)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[
        ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
    (engine_services if options.protocol == "VllmEngine" else inference_services)(server)
    if options.cert:
        authorities = read(options.client_ca) if options.client_ca else None
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
            [(read(options.key), read(options.cert))], root_certificates=authorities, require_client_auth=authorities is not None))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    say(f"port {port}")
    sys.stdin.read()  # the test closes stdin when it is done
    server.stop(None)


main()
