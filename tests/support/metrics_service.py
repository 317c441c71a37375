"""A metrics service that keeps every message of every stream. Its protos are read from xds/api by protoc."""

import pathlib
import subprocess
import tempfile
import threading
from concurrent import futures

import grpc
from envoy.config.core.v3 import base_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

METHOD = "/envoy.service.metrics.v3.MetricsService/StreamMetrics"
XDS = pathlib.Path(__file__).resolve().parents[2] / "xds"


def load_message():
    """StreamMetricsMessage: the client model by protoc, the message around it by hand, since it names Envoy's Node."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "set"
        subprocess.run(["protoc", f"-I{XDS}", f"--descriptor_set_out={out}", "api/prometheus_client.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    whole = descriptor_pb2.FileDescriptorProto(name="message.proto", package="test", syntax="proto3",
                                               dependency=["api/prometheus_client.proto"])
    message = whole.message_type.add(name="Message")
    field = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="identifier", number=1, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    message.field.add(name="families", number=2, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED,
                      type_name=".io.prometheus.client.MetricFamily")
    pool.Add(whole)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.Message"))


MESSAGE = load_message()
COUNTER, GAUGE, SUMMARY, HISTOGRAM = 0, 1, 2, 4


class MetricsService:
    """`streams`: of each stream its messages, in order. `reads`: False takes streams and never a message of them."""

    def __init__(self, port=0, reads=True):
        self.reads, self.closing = reads, threading.Event()
        self.streams = []
        self.lock = threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        handler = grpc.stream_unary_rpc_method_handler(self.take, MESSAGE.FromString, lambda _: b"")
        service, _, method = METHOD[1:].partition("/")
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: handler})])
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def take(self, messages, _):
        stream = []
        with self.lock:
            self.streams.append(stream)
        if not self.reads:
            self.closing.wait()
        try:
            for message in messages:
                stream.append(message)
        except grpc.RpcError:
            pass  # the proxy has gone
        return None

    def close(self):
        self.closing.set()
        self.server.stop(0).wait()

    def messages(self):
        return [message for stream in list(self.streams) for message in list(stream)]

    def latest(self, name, **labels):
        """The value that a counter or gauge was last reported with; None before."""
        found = None
        for message in self.messages():
            for family in message.families:
                if family.name == name:
                    for metric in family.metric:
                        if has_labels(metric, labels):
                            found = metric.counter.value if family.type == COUNTER else metric.gauge.value
        return found

    def samples(self, name, **labels):
        """All samples that a histogram was reported with."""
        return sum(metric.histogram.sample_count for message in self.messages() for family in message.families
                   if family.name == name and family.type == HISTOGRAM
                   for metric in family.metric if has_labels(metric, labels))


def has_labels(metric, wanted):
    labels = {label.name: label.value for label in metric.label}
    return all(labels.get(name.replace("__", ".")) == value for name, value in wanted.items())


def node_of(message):
    """The node of a stream's first message: field 1 of the identifier."""
    assert message.identifier[:1] == b"\x0a"
    size, shift, at = 0, 0, 1
    while True:
        byte = message.identifier[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return base_pb2.Node.FromString(message.identifier[at:at + size])
