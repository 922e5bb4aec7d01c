"""A client of either vLLM protocol, written against grpcio alone. Runs one scene and prints what it saw as one JSON object."""
import argparse
import hashlib
import io
import json
import sys
import zipfile

parser = argparse.ArgumentParser()
parser.add_argument("--protocol", choices=["VllmEngine", "Inference"], required=True)
parser.add_argument("--stubs", required=True)
parser.add_argument("--target", required=True)
parser.add_argument("--scene", required=True)
parser.add_argument("--prompt", default="1 2 3")
parser.add_argument("--ca")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--gzip", action="store_true")
options = parser.parse_args()
sys.path.insert(0, options.stubs)

import grpc  # noqa: E402

TIMEOUT = 20
PROMPT = [int(word) for word in options.prompt.split()]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def connect():
    settings = [("grpc.max_receive_message_length", -1)]
    compression = grpc.Compression.Gzip if options.gzip else None
    if options.ca:
        credentials = grpc.ssl_channel_credentials(
            read(options.ca), read(options.key) if options.key else None, read(options.cert) if options.cert else None)
        return grpc.secure_channel(options.target, credentials, settings, compression)
    return grpc.insecure_channel(options.target, settings, compression)


class EngineScenes:
    def __init__(self, channel):
        from engine import common_pb2, vllm_engine_pb2, vllm_engine_pb2_grpc
        self.pb, self.common = vllm_engine_pb2, common_pb2
        self.stub = vllm_engine_pb2_grpc.VllmEngineStub(channel)

    def request(self, **more):
        return self.pb.GenerateRequest(request_id="py-1", tokenized=self.pb.TokenizedInput(input_ids=PROMPT), **more)

    def stream(self):
        ids, finish, counts = [], None, 0
        for response in self.stub.Generate(self.request(stream=True), timeout=TIMEOUT):
            if response.HasField("chunk"):
                ids += response.chunk.token_ids
                counts += response.chunk.completion_tokens
            else:
                finish = response.complete.finish_reason
        return {"ids": ids, "finish": finish, "count": counts}

    def whole(self):
        responses = list(self.stub.Generate(self.request(stream=False), timeout=TIMEOUT))
        return {"messages": len(responses), "ids": list(responses[0].complete.output_ids), "finish": responses[0].complete.finish_reason}

    def cancel(self):
        call = self.stub.Generate(self.request(stream=True), timeout=TIMEOUT)
        first = next(call)
        call.cancel()
        return {"ids": list(first.chunk.token_ids)}

    def abort(self):
        call = self.stub.Generate(self.request(stream=True), timeout=TIMEOUT)
        next(call)
        self.stub.Abort(self.pb.AbortRequest(request_ids=["py-1"]), timeout=TIMEOUT)
        last = list(call)[-1]
        return {"finish": last.complete.finish_reason, "status": call.code().name}

    def info(self):
        model = self.stub.GetModelInfo(self.pb.GetModelInfoRequest(), timeout=TIMEOUT)
        health = self.stub.HealthCheck(self.pb.HealthCheckRequest(), timeout=TIMEOUT)
        chunks = list(self.stub.GetTokenizer(self.common.GetTokenizerRequest(), timeout=TIMEOUT))
        data = b"".join(chunk.data for chunk in chunks)
        names = sorted(zipfile.ZipFile(io.BytesIO(data)).namelist())
        return {"vocabulary": model.vocab_size, "healthy": health.healthy, "files": names,
                "checksum": chunks[-1].sha256 == hashlib.sha256(data).hexdigest()}

    def refused(self):
        return refusal(lambda: list(self.stub.Generate(self.pb.GenerateRequest(tokenized=self.pb.TokenizedInput()), timeout=TIMEOUT)))

    def deadline(self):
        return refusal(lambda: list(self.stub.Generate(self.request(stream=True), timeout=0.3)))


class InferenceScenes:
    def __init__(self, channel):
        from inference import control_pb2, control_pb2_grpc, inference_pb2, inference_pb2_grpc
        self.pb, self.control_pb = inference_pb2, control_pb2
        self.stub = inference_pb2_grpc.InferenceStub(channel)
        self.control = control_pb2_grpc.ControlStub(channel)

    def request(self, **more):
        return self.pb.GenerateRequest(request_id="py-1", token_ids=self.pb.TokenIds(ids=PROMPT),
                                       response=self.pb.ResponseOptions(output_text=False, output_token_ids=True), **more)

    def stream(self):
        ids, finish, counts, first = [], None, 0, None
        for response in self.stub.GenerateStream(self.request(), timeout=TIMEOUT):
            if first is None:
                first = response.HasField("prompt_info") and not response.HasField("outputs")
            ids += response.outputs.token_ids
            counts += response.outputs.num_tokens
            if response.outputs.HasField("finish_info"):
                finish = self.pb.FinishInfo.FinishReason.Name(response.outputs.finish_info.finish_reason)
        return {"ids": ids, "finish": finish, "count": counts, "promptFirst": first}

    def whole(self):
        response = self.stub.Generate(self.request(), timeout=TIMEOUT)
        return {"messages": 1, "ids": list(response.outputs.token_ids),
                "finish": self.pb.FinishInfo.FinishReason.Name(response.outputs.finish_info.finish_reason)}

    def cancel(self):
        call = self.stub.GenerateStream(self.request(), timeout=TIMEOUT)
        next(call)
        first = next(call)
        call.cancel()
        return {"ids": list(first.outputs.token_ids)}

    def abort(self):
        call = self.stub.GenerateStream(self.request(), timeout=TIMEOUT)
        next(call)
        self.control.Abort(self.control_pb.AbortRequest(request_ids=["py-1"]), timeout=TIMEOUT)
        last = list(call)[-1]
        return {"finish": self.pb.FinishInfo.FinishReason.Name(last.outputs.finish_info.finish_reason), "status": call.code().name}

    def info(self):
        model = self.control.GetModelInfo(self.control_pb.GetModelInfoRequest(), timeout=TIMEOUT)
        server = self.control.GetServerInfo(self.control_pb.GetServerInfoRequest(), timeout=TIMEOUT)
        return {"model": model.served_model_name, "api": server.api_version}

    def refused(self):
        return refusal(lambda: self.stub.Generate(self.pb.GenerateRequest(), timeout=TIMEOUT))

    def deadline(self):
        return refusal(lambda: list(self.stub.GenerateStream(self.request(), timeout=0.3)))


def refusal(call):
    try:
        call()
    except grpc.RpcError as error:
        return {"status": error.code().name, "details": error.details()}
    return {"status": "OK"}


def health(channel):
    from health import health_pb2, health_pb2_grpc
    stub = health_pb2_grpc.HealthStub(channel)
    names = ["", "vllm.grpc.engine.VllmEngine"] if options.protocol == "VllmEngine" else ["", "vllm.Inference", "vllm.Control"]
    result = {name: health_pb2.HealthCheckResponse.ServingStatus.Name(
        stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT).status) for name in names}
    result["unknown"] = refusal(lambda: stub.Check(health_pb2.HealthCheckRequest(service="nope"), timeout=TIMEOUT))["status"]
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=""), timeout=TIMEOUT)
    result["watch"] = health_pb2.HealthCheckResponse.ServingStatus.Name(next(watch).status)
    if options.protocol == "VllmEngine":
        result["watchEnds"] = next(watch, None) is None
    watch.cancel()
    return result


def main():
    with connect() as channel:
        if options.scene == "health":
            result = health(channel)
        elif options.scene == "handshake":
            result = refusal(lambda: EngineScenes(channel).stub.HealthCheck(EngineScenes(channel).pb.HealthCheckRequest(), timeout=5))
        else:
            scenes = (EngineScenes if options.protocol == "VllmEngine" else InferenceScenes)(channel)
            result = getattr(scenes, options.scene)()
        print(json.dumps(result), flush=True)


main()
