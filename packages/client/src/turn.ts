/** Returns how to have `task` run once the present turn of the event loop is over. */
export function afterTurn(task: () => void): () => void {
  if (typeof setImmediate === "function") return () => void setImmediate(task);
  // Browsers have no `setImmediate`; a message to oneself comes sooner than a timer, and also in a hidden tab.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = task;
  return () => port2.postMessage(0);
}
