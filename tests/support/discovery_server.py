"""What fake management servers share, whichever variant of xDS they speak: a gRPC server, and its streams from proxies."""

import queue
import threading
from concurrent import futures

import grpc

from support.waiting import wait_until


class Stream:
    """One stream from a proxy, and the responses on their way to it."""

    def __init__(self, number):
        self.number = number
        self.outbox = queue.Queue()
        self.open = True


class DiscoveryServer:
    """A kind of it says which METHOD it serves, what it makes of a REQUEST, and which STREAM remembers that."""

    METHOD = None
    REQUEST = None
    STREAM = Stream

    def __init__(self, port=0):
        self.lock = threading.RLock()
        self.streams = []
        self.port = port
        self.server = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Listens, on the same port as before if there was one."""
        handler = grpc.stream_stream_rpc_method_handler(
            self.serve, request_deserializer=self.REQUEST.FromString,
            response_serializer=lambda response: response if isinstance(response, bytes) else response.SerializeToString())
        service, method = self.METHOD[1:].split("/")
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: handler})])
        wait_until(self.bind, f"port {self.port} free again")
        self.server.start()

    def bind(self):
        try:
            self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        except RuntimeError:
            return False
        return self.port

    def stop(self):
        """Dies: every stream ends at once, and nothing listens on the port any more."""
        for stream in self.streams:
            stream.outbox.put(None)
        if self.server:
            self.server.stop(0).wait()
        self.server = None

    def serve(self, requests, context):
        stream = self.STREAM(len(self.streams))
        with self.lock:
            self.streams.append(stream)

        def close():
            stream.open = False
            stream.outbox.put(None)

        context.add_callback(close)
        threading.Thread(target=self.read, args=(stream, requests), daemon=True).start()
        while (response := stream.outbox.get()) is not None:
            yield response

    def read(self, stream, requests):
        try:
            for request in requests:
                with self.lock:
                    self.receive(stream, request)
        except grpc.RpcError:
            pass

    def receive(self, stream, request):
        """With the lock held."""
        raise NotImplementedError
