import type { JSX, TargetedSubmitEvent } from "preact";
import { setUser } from "../chat/identity.js";
import { Logo } from "./icons.js";

/** Takes a name at its word: this is an open server on one machine. A real one would ask for a token (`auth: { token }`). */
export function SignIn({ onName }: { readonly onName: () => void }): JSX.Element {
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("user")).trim();
    if (name === "") return;
    setUser(name);
    onName();
  };
  return (
    <main class="sign-in">
      <Logo />
      <h1>Holdfast chat</h1>
      <p>A chat that loses nothing: not when you are away, not when the network is, not when the server is killed.</p>
      <form onSubmit={onSubmit}>
        <label for="user">Your name</label>
        <input id="user" name="user" required maxLength={40} autoComplete="nickname" placeholder="Ann" />
        <button type="submit" class="primary">
          Start
        </button>
      </form>
    </main>
  );
}
