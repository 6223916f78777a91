import type { Letter } from "../messages.js";
import type { Producer } from "../producer.js";
import type { Parcel } from "../simulated-publishers.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

const OPEN_MAX = 60;
/** A key longer than the engine takes: the message is refused for good. */
const LONG_KEY = "k".repeat(300);

const anyOrigin = ({ random, origins }: World): string => random.any(origins)?.name ?? "orders";

/** Mostly a few messages, at times many. */
const someMessages = ({ random }: World): number => (random.chance(0.02) ? random.between(10, 40) : random.between(1, 2));

function parcelOf(producer: Producer, firstNumber: number, letters: readonly Letter[]): Parcel {
  return { queue: producer.queue, letters, numbered: { producer, firstNumber, oldestOpen: producer.oldestOpen } };
}

function writeNumbered(world: World, producer: Producer, count: number, array: boolean): Parcel {
  const letters = Array.from({ length: count }, (_, at) => {
    const letter = world.publishers.write(producer.queue, { id: `${producer.id}-${producer.next + at}`, chosenId: false });
    return world.random.chance(0.02) ? { ...letter, key: LONG_KEY } : letter;
  });
  return parcelOf(producer, producer.add(letters, array), letters);
}

const withRoom = (world: World): Producer | undefined =>
  world.random.any(world.publishers.producers.filter(({ openCount }) => openCount < OPEN_MAX));

/** A producer sends its next messages. */
const publishNumbered: Operation = {
  name: "publish numbered",
  weight: 14,
  run(world) {
    const producer = withRoom(world);
    if (producer === undefined) return false;
    world.publishers.send([writeNumbered(world, producer, someMessages(world), false)], false);
    return true;
  },
};

/** A producer sends again what it has no answer to, from the oldest on or from somewhere later. */
const resend: Operation = {
  name: "resend",
  weight: 6,
  run(world) {
    const { random, publishers } = world;
    const producer = random.any(publishers.producers.filter(({ openCount }) => openCount > 0));
    if (producer === undefined) return false;
    const first = random.chance(0.8) ? producer.oldestOpen : random.between(producer.oldestOpen, producer.next - 1);
    const array = producer.arrayAt(first);
    const letters = array?.letters ?? producer.from(first, random.between(1, 8));
    if (letters.length === 0 || (array !== undefined && array.first < producer.oldestOpen)) return false;
    publishers.send([parcelOf(producer, array?.first ?? first, letters)], array !== undefined);
    return true;
  },
};

/** Messages of one producer that are stored all or none. */
const publishNumberedArray: Operation = {
  name: "publish a numbered array",
  weight: 3,
  run(world) {
    const producer = withRoom(world);
    if (producer === undefined) return false;
    world.publishers.send([writeNumbered(world, producer, world.random.between(2, 4), true)], true);
    return true;
  },
};

function writeChosen(world: World, queue: string): Letter {
  const { random, publishers } = world;
  const known = random.chance(0.4) ? random.any(publishers.known) : undefined;
  if (known !== undefined) {
    // The same again, or something else under the same id.
    if (random.chance(0.8)) return known;
    const { text, bodyBytes } = publishers.write(known.queue);
    return { ...known, text, bodyBytes };
  }
  const letter = publishers.write(queue);
  const chosen = { ...letter, id: `chosen-${letter.text}`, chosenId: true };
  publishers.remember(chosen);
  return chosen;
}

/** Messages with ids that the application chose: new ones, the same again, and others under the same id. */
const publishChosen: Operation = {
  name: "publish chosen ids",
  weight: 8,
  run(world) {
    const letter = writeChosen(world, anyOrigin(world));
    world.publishers.send([{ queue: letter.queue, letters: [letter] }], false);
    return true;
  },
};

/** Messages of clients that neither number nor name them. */
const publishPlain: Operation = {
  name: "publish plain",
  weight: 8,
  run(world) {
    const queue = anyOrigin(world);
    const letters = Array.from({ length: someMessages(world) }, () => world.publishers.write(queue));
    world.publishers.send([{ queue, letters }], world.random.chance(0.3));
    return true;
  },
};

/** An array over several queues, all or none. */
const publishArray: Operation = {
  name: "publish an array",
  weight: 6,
  run(world) {
    const { random, publishers, origins } = world;
    const letters = Array.from({ length: random.between(2, 4) }, () => {
      const queue = anyOrigin(world);
      return random.chance(0.5) ? writeChosen(world, queue) : publishers.write(queue);
    });
    const some = random.chance(0.05) ? letters.map((letter, at) => (at === 0 ? { ...letter, key: LONG_KEY } : letter)) : letters;
    const parcels = origins.map(({ name }) => ({ queue: name, letters: some.filter(({ queue }) => queue === name) }));
    publishers.send(
      parcels.filter((parcel) => parcel.letters.length > 0),
      true,
    );
    return true;
  },
};

/** A producer starts anew, and never learns what became of what it had sent. */
const replaceProducer: Operation = {
  name: "replace a producer",
  weight: 0.3,
  run(world) {
    const producer = world.random.any(world.publishers.producers);
    if (producer === undefined) return false;
    world.publishers.replace(producer);
    return true;
  },
};

export const publishOperations = [
  publishNumbered,
  resend,
  publishNumberedArray,
  publishChosen,
  publishPlain,
  publishArray,
  replaceProducer,
];
