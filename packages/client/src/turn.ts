type Task = () => void;

const tasks: Task[] = [];
let port: MessagePort | undefined;

/** Browsers have no `setImmediate`; a message to oneself comes as late as that, and sooner than a timer. */
function postTask(task: Task): void {
  if (port === undefined) {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => tasks.shift()?.();
    port = channel.port2;
  }
  tasks.push(task);
  port.postMessage(0);
}

/** Runs `task` once the present turn of the event loop is over, so that what was called in it travels together. */
export const afterTurn: (task: Task) => void = typeof setImmediate === "function" ? (task) => void setImmediate(task) : postTask;
