import { useEffect, useReducer } from "preact/hooks";
import type { Observable } from "../chat/observable.js";

/** Shows a component again whenever what it shows changed. */
export function useChanges(observable: Observable): void {
  const [, show] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => observable.observe(() => show(undefined)), [observable]);
}
