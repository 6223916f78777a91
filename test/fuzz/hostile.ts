import fc from "fast-check";

/** Values that programs trip over. */
const TEXTS = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "holdfast:x",
  "a\0b",
  "../..",
  "\ud800",
  "é".repeat(200),
  "x".repeat(5_000),
  "NaN",
  "-1",
];
const NUMBERS = [0, -0, -1, 1, 0.5, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 53, 1e308, -1e308];

function deep(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** No two items are the same object: what a change puts into one would be in all, and again in all of those. */
const wide = (count: number): unknown[] => Array.from({ length: count }, () => (count % 3 === 0 ? {} : count));

export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom<unknown>(...TEXTS, ...NUMBERS, null, true, false, [], {}, [[]], { toString: 1 }, { length: 1e9 }),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 300, unit: "binary" }) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 400 }).map(deep) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }).map(wide) },
  { weight: 1, arbitrary: fc.constant({ _placeholder: true, num: 0 }) },
);

/** One thing done to a value, at a place that a number picks. */
interface Change {
  readonly at: number;
  readonly kind: "replace" | "remove" | "rename" | "repeat" | "add";
  readonly value: unknown;
}

export const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    at: fc.nat(10_000),
    kind: fc.constantFrom("replace" as const, "remove" as const, "rename" as const, "repeat" as const, "add" as const),
    value: hostile,
  }),
  { minLength: 1, maxLength: 3 },
);

type Container = Record<string, unknown> | unknown[];

/** A copy of a request in which a few places are not what they should be. */
export function changed(value: object, list: readonly Change[]): unknown {
  const root: { value: unknown } = { value: structuredClone(value) };
  for (const change of list) {
    const places = placesOf(root);
    const place = places[change.at % places.length];
    if (place !== undefined) apply(change, place.holder, place.name);
  }
  return root.value;
}

/** Every place there is, without going into what is large or deep. */
function placesOf(root: Container): { readonly holder: Container; readonly name: string }[] {
  const places: { readonly holder: Container; readonly name: string }[] = [];
  const waiting: Container[] = [root];
  for (let holder = waiting.pop(); holder !== undefined && places.length < 200; holder = waiting.pop()) {
    for (const name of Object.keys(holder).slice(0, 50)) {
      places.push({ holder, name });
      const inner = Reflect.get(holder, name) as unknown;
      if (typeof inner === "object" && inner !== null) waiting.push(inner as Container);
    }
  }
  return places;
}

function apply({ kind, value: given }: Change, holder: Container, name: string): void {
  // What is put in may be changed next: then nothing else may be.
  const value = structuredClone(given);
  const before = Reflect.get(holder, name) as unknown;
  const other = typeof value === "string" ? value : "other";
  if (kind === "replace") define(holder, name, value);
  else if (kind === "remove") Reflect.deleteProperty(holder, name);
  else if (kind === "rename") {
    Reflect.deleteProperty(holder, name);
    define(holder, other, before);
  } else if (kind === "repeat") define(holder, name, [before, structuredClone(before)]);
  else define(typeof before === "object" && before !== null ? before : holder, other, value);
}

const INDEX_MAX = 10_000;

/** Also a property that is called `__proto__`; an array takes no `length` that is none, and no place so far off that it would be written for minutes. */
function define(holder: object, name: string, value: unknown): void {
  if (Array.isArray(holder) && (name === "length" || Number(name) > INDEX_MAX)) return;
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}
