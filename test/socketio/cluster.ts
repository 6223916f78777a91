import type { Namespace, ServerOptions } from "socket.io";
import { ClusterAdapter, type ClusterMessage, type ClusterResponse } from "socket.io-adapter";

/** The option `adapter` for Socket.IO servers of this process that form one cluster, as Redis would join those of several machines. */
export function clusterAdapter(): NonNullable<ServerOptions["adapter"]> {
  const nodes: Node[] = [];

  class Node extends ClusterAdapter {
    constructor(namespace: Namespace) {
      super(namespace);
      nodes.push(this);
    }

    #others(): Node[] {
      return nodes.filter((node) => node !== this && node.nsp.name === this.nsp.name);
    }

    override serverCount(): Promise<number> {
      return Promise.resolve(this.#others().length + 1);
    }

    protected override doPublish(message: ClusterMessage): Promise<string> {
      for (const other of this.#others()) other.onMessage(message);
      return Promise.resolve("");
    }

    protected override doPublishResponse(requesterUid: string, response: ClusterResponse): Promise<void> {
      for (const other of this.#others()) if (other.uid === requesterUid) other.onResponse(response);
      return Promise.resolve();
    }
  }
  return Node;
}
