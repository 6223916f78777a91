/** Who sits here: the user that the server knows, and which of the user's devices this browser is. */
export interface Identity {
  readonly user: string;
  readonly device: string;
}

const USER_KEY = "chat user";
const DEVICE_KEY = "chat device";

/** A second person in the same browser, to try the chat alone: the name is that of the tab then, not of the browser. */
const isGuest = new URLSearchParams(location.search).has("guest");
const names = isGuest ? sessionStorage : localStorage;

/** Undefined until somebody gave a name. */
export function currentIdentity(): Identity | undefined {
  const user = names.getItem(USER_KEY);
  return user === null ? undefined : { user, device: deviceOf() };
}

export function setUser(user: string): void {
  names.setItem(USER_KEY, user);
}

export function forgetUser(): void {
  names.removeItem(USER_KEY);
}

/**
 * The server keeps a place in each room for each device of a user, so a browser needs a name that stays the same. Were it a
 * new one with each load, what came in between would be another device's.
 */
function deviceOf(): string {
  const known = localStorage.getItem(DEVICE_KEY);
  if (known !== null) return known;
  const made = randomName();
  localStorage.setItem(DEVICE_KEY, made);
  return made;
}

/** 128 random bits. `crypto.randomUUID` would want https. */
export function randomName(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
