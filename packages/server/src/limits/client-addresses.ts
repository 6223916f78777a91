import { BlockList, isIP, isIPv6 } from "node:net";
import { HoldfastError } from "holdfast-client/protocol";
import { preview } from "../validate.js";

/** What of a request says where it came from. */
export interface Source {
  readonly remoteAddress: string | undefined;
  readonly forwardedFor: string | undefined;
}

/**
 * The name that the limits of an address go by. Someone with IPv6 has a whole network of 2^64 addresses, so that is one name.
 * Addresses of proxies and of this machine are nobody's in particular, and have none.
 */
export class ClientAddresses {
  readonly #trustedProxies: number;
  readonly #unlimited = new BlockList();

  /**
   * @param trustedProxies how many proxies of ours a request has passed: each wrote in `X-Forwarded-For` whom it had it from
   * @param unlimited addresses and networks (`10.0.0.0/8`) that have no name
   * @throws HoldfastError `BAD_REQUEST` for what is neither
   */
  constructor(trustedProxies: number, unlimited: readonly string[]) {
    this.#trustedProxies = trustedProxies;
    for (const network of unlimited) addTo(this.#unlimited, network);
  }

  /** The name of the client's address; undefined when it is not limited. */
  nameOf(source: Source): string | undefined {
    const address = this.addressOf(source);
    if (address === undefined || this.#unlimited.check(address, isIPv6(address) ? "ipv6" : "ipv4")) return undefined;
    return isIPv6(address) ? networkOf(address) : address;
  }

  /** The client's address, as far as our own proxies tell; undefined when its connection is gone already. */
  addressOf({ remoteAddress, forwardedFor }: Source): string | undefined {
    const remote = remoteAddress === undefined ? undefined : withoutMapping(remoteAddress);
    if (this.#trustedProxies === 0) return remote;
    // What stands before the last ones anybody may have written.
    const told = withoutPort(forwardedFor?.split(",").at(-this.#trustedProxies)?.trim());
    return told !== undefined && isIP(told) !== 0 ? withoutMapping(told) : remote;
  }
}

/** Some proxies write the port, too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const withoutPort = (told: string | undefined): string | undefined => told?.replace(/^(?:\[(.*)\]|(\d+(?:\.\d+){3}))(?::\d+)?$/, "$1$2");

/** An IPv4 address that came in at an IPv6 socket, as IPv4. */
const withoutMapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

const NETWORK_GROUPS = 4;

/** The first 64 bits of an IPv6 address. */
function networkOf(address: string): string {
  const [front = "", back] = (address.split("%")[0] ?? "").toLowerCase().split("::");
  const groups = front === "" ? [] : front.split(":");
  if (back !== undefined) {
    const rest = back === "" ? 0 : back.split(":").length + (back.includes(".") ? 1 : 0);
    while (groups.length + rest < 8) groups.push("0");
    if (back !== "") groups.push(...back.split(":"));
  }
  return `${groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}

function addTo(list: BlockList, network: string): void {
  const [address = "", bits] = network.split("/");
  const version = isIP(address);
  const bitsMax = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? bitsMax : Number(bits);
  if (version === 0 || !/^\d*$/.test(bits ?? "") || prefix > bitsMax)
    throw new HoldfastError("BAD_REQUEST", `unlimitedAddresses has ${preview(network)}, expected addresses and networks like 10.0.0.0/8`);
  list.addSubnet(address, prefix, version === 6 ? "ipv6" : "ipv4");
}
