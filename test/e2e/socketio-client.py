"""Speaks PROTOCOL.md with python-socketio alone and writes one JSON line for each thing that happened.

Usage: socketio-client.py URL
"""

import json
import sys
import threading

import socketio

WAIT_S = 30


def say(what, **fields):
    # Line and end in one write: each event is handled in a thread of its own.
    print(json.dumps({"what": what, **fields}) + "\n", end="", flush=True)


def connect(url):
    client = socketio.Client(reconnection=False, request_timeout=WAIT_S)
    client.connect(url, transports=["websocket"], auth={"user": "bob"}, wait_timeout=WAIT_S)
    return client


def ask(client, event, payload):
    return client.call(event, payload, timeout=WAIT_S)


def publish(client):
    order = {"queue": "orders", "body": {"item": "cod", "note": "€ 🐟"}, "id": "order-17", "key": "table-4"}
    for message in (order, order, {**order, "body": "another"}, {"queue": "orders", "body": b"\x00\xff\x80"}):
        say("published", reply=ask(client, "holdfast:publish", message))
    say("published", reply=ask(client, "holdfast:publish", {"queue": "orders", "messages": [{"body": 1}, {"body": [None]}]}))


def work(client):
    """What a handler returns is the argument of the acknowledgement callback, so `None` is an ack."""
    done = threading.Event()

    @client.on("holdfast:delivery")
    def deliver(delivery):
        body = delivery["body"]
        shown = list(body) if isinstance(body, bytes) else body
        say("delivered", attempt=delivery["attempt"], sequence=delivery["sequence"], body=shown)
        if body == 1:
            settle(client, delivery)
        if body == [None]:
            done.set()
        if isinstance(body, bytes):
            return {"nack": {"delayMs": 0, "reason": "no bytes"}} if delivery["attempt"] == 1 else {"reject": {"reason": "never"}}
        return None

    # One at a time, so that the order of what is said is that of the deliveries.
    say("consuming", reply=ask(client, "holdfast:consume", {"queue": "orders", "maxInFlight": 1}))
    if not done.wait(WAIT_S):
        raise TimeoutError("the last message did not come")


def settle(client, delivery):
    """Settles by token; what the handler returns afterwards comes too late and counts for nothing."""
    token = delivery["token"]
    settlements = [{"token": token, "extend": {"leaseMs": 60_000}}, {"token": token, "ack": True}, {"token": token, "reject": {}}]
    say("settled", reply=ask(client, "holdfast:settle", {"consumer": delivery["consumer"], "settlements": settlements}))


def main():
    client = connect(sys.argv[1])
    publish(client)
    work(client)
    say("refused", reply=ask(client, "holdfast:consume", {"queue": "orders", "colour": "red"}))
    client.disconnect()


main()
