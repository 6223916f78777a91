"""A member of durable rooms that knows PROTOCOL.md (section 9) and python-socketio alone.

Usage: socketio-member.py URL USER DEVICE

Writes one JSON line for each thing that happens. Each line of standard input, `[event, payload]`, is asked of the server;
at the end of the input it disconnects.
"""

import json
import sys

import socketio

WAIT_S = 30


def say(what, **fields):
    # Line and end in one write: each event is handled in a thread of its own.
    print(json.dumps({"what": what, **fields}) + "\n", end="", flush=True)


def shown(argument):
    return list(argument) if isinstance(argument, bytes) else argument


def listen(client):
    """What a handler returns is the argument of the acknowledgement callback, so `None` is an ack."""

    @client.on("*")
    def hear(event, *args):
        *args, about = args
        say("heard", event=event, args=[shown(argument) for argument in args], about=about)
        if event == "flaky" and not about["redelivered"]:
            return {"nack": {"delayMs": 0, "reason": "not yet"}}
        return None

    @client.on("holdfast:gap")
    def gap(gap):
        say("gap", gap=gap)

    @client.on("connect")
    def connected():
        say("connected")

    @client.on("disconnect")
    def disconnected():
        say("disconnected")


def main():
    url, user, device = sys.argv[1:]
    client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.2, randomization_factor=0, request_timeout=WAIT_S)
    # What was missed comes right after the connect, so it listens before. `meta`: each event has an argument more.
    listen(client)
    auth = {"user": user, "device": device, "meta": True}
    client.connect(url, transports=["websocket"], auth=auth, wait_timeout=WAIT_S)
    for line in sys.stdin:
        event, payload = json.loads(line)
        say("reply", to=event, reply=client.call(event, payload, timeout=WAIT_S))
    client.disconnect()


main()
