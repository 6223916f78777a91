import type { Emitter, RoomLetter, RoomParcel } from "../simulated-emitters.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

const OPEN_MAX = 60;

/** Mostly a few messages, at times many. */
const someMessages = ({ random }: World): number => (random.chance(0.02) ? random.between(10, 40) : random.between(1, 2));

function parcelOf({ to, except, producer }: Emitter, firstNumber: number, letters: readonly RoomLetter[]): RoomParcel {
  return { to, except, letters, numbered: { producer, firstNumber, oldestOpen: producer.oldestOpen } };
}

/** An application emits its next messages. */
const emitNumbered: Operation = {
  name: "emit numbered",
  weight: 8,
  run(world) {
    const { random, emitters } = world;
    const emitter = random.any(emitters.all.filter(({ producer }) => producer.openCount < OPEN_MAX));
    if (emitter === undefined) return false;
    const { producer } = emitter;
    const letters = Array.from({ length: someMessages(world) }, (_, at) =>
      emitters.write(emitter, { id: `${producer.id}-${producer.next + at}`, chosenId: false }),
    );
    emitters.send(parcelOf(emitter, producer.add(letters, false), letters));
    return true;
  },
};

/** An application emits again what it has no answer to. */
const emitAgain: Operation = {
  name: "emit again",
  weight: 4,
  run(world) {
    const { random, emitters } = world;
    const emitter = random.any(emitters.all.filter(({ producer }) => producer.openCount > 0));
    if (emitter === undefined) return false;
    const { producer } = emitter;
    const first = random.chance(0.8) ? producer.oldestOpen : random.between(producer.oldestOpen, producer.next - 1);
    const letters = producer.from(first, random.between(1, 8));
    if (letters.length === 0) return false;
    emitters.send(parcelOf(emitter, first, letters));
    return true;
  },
};

/** Messages with ids that the application chose: new ones, and the same again. */
const emitChosen: Operation = {
  name: "emit chosen ids",
  weight: 4,
  run(world) {
    const { random, emitters, rooms } = world;
    if (rooms.length === 0) return false;
    const letter = (random.chance(0.4) ? random.any(emitters.known) : undefined) ?? emitters.writeChosen();
    emitters.send({ to: letter.to, except: letter.except, letters: [letter] });
    return true;
  },
};

/** Messages of clients that neither number nor name them. */
const emitPlain: Operation = {
  name: "emit plain",
  weight: 6,
  run(world) {
    const { emitters, rooms } = world;
    if (rooms.length === 0) return false;
    const address = emitters.chooseAddress();
    const letters = Array.from({ length: someMessages(world) }, () => emitters.write(address));
    emitters.send({ ...address, letters });
    return true;
  },
};

export const emitOperations = [emitNumbered, emitAgain, emitChosen, emitPlain];
