# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""A gRPC server and its client, with bytes for messages, so that nothing has to be generated.

    calls.py serve ADDRESS:PORT
    calls.py call ADDRESS:PORT METHOD [TEXT]

METHOD: say (unary), fail (always UNAVAILABLE), missing (no such method), count (the server streams TEXT numbers), cancel
(the same, given up in the middle), chat (both stream), talk (the same, typed), burst (TEXT calls at once).
The client prints what came and then "status NAME: DETAIL".
"""

import sys
import threading
from concurrent import futures

import grpc

SERVICE = "shop.Cart"


def say(request, context):
    metadata = dict(context.invocation_metadata())
    context.set_trailing_metadata((("x-served-by", NAME),))
    return b"%s heard %s from %s" % (NAME.encode(), request, metadata.get("x-weft-caller", "nobody").encode())


def fail(request, context):
    print("fail called", flush=True)
    context.abort(grpc.StatusCode.UNAVAILABLE, "not today")


def count(request, context):
    context.add_callback(lambda: print("call over", flush=True))
    for number in range(int(request)):
        yield b"%d" % number


def chat(requests, context):
    for request in requests:
        yield request + b"!"


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    methods = {
        "Say": grpc.unary_unary_rpc_method_handler(say),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_insecure_port(address)
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


def call(address, method, text):
    with grpc.insecure_channel(address) as channel:
        try:
            if method == "say":
                reply, outcome = channel.unary_unary(f"/{SERVICE}/Say").with_call(text.encode(), timeout=10)
                print(reply.decode())
                print("trailers", dict(outcome.trailing_metadata()))
            elif method == "fail":
                channel.unary_unary(f"/{SERVICE}/Fail")(b"", timeout=10)
            elif method == "missing":
                channel.unary_unary(f"/{SERVICE}/Missing")(b"", timeout=10)
            elif method == "count":
                total = sum(1 for _ in channel.unary_stream(f"/{SERVICE}/Count")(text.encode(), timeout=30))
                print("counted", total)
            elif method == "cancel":
                numbers = channel.unary_stream(f"/{SERVICE}/Count")(b"1000000000", timeout=30)
                for number in numbers:
                    if number == b"1000":
                        numbers.cancel()
            elif method == "chat":
                # Each is sent only when the answer to the one before is there: nothing may be held back on the way.
                heard = threading.Event()

                def words():
                    for word in text.split():
                        yield word.encode()
                        if not heard.wait(10):
                            return
                        heard.clear()

                for reply in channel.stream_stream(f"/{SERVICE}/Chat")(words(), timeout=30):
                    print(reply.decode())
                    heard.set()
            elif method == "talk":
                # What is typed goes out line by line; an empty line ends it.
                words = iter(lambda: sys.stdin.readline().strip(), "")
                for reply in channel.stream_stream(f"/{SERVICE}/Chat")((word.encode() for word in words), timeout=60):
                    print(reply.decode(), flush=True)
            elif method == "burst":
                rpc = channel.unary_unary(f"/{SERVICE}/Say")
                calls = [rpc.future(b"%d" % number, timeout=30) for number in range(int(text))]
                print("answered", sum(1 for each in calls if each.exception() is None))
            print("status OK:")
        except grpc.RpcError as error:
            print(f"status {error.code().name}: {error.details()}")


if __name__ == "__main__":
    NAME = sys.argv[2]
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        call(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else "")
