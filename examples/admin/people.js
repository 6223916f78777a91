// Who may come in. A token is random and says nothing by itself; a real server checks a signed one (a JWT), or asks its database.
import { randomBytes } from "node:crypto";

export class People {
  #byToken = new Map();

  /** A new token for a user. */
  admit(user, { administrator = false } = {}) {
    const token = randomBytes(16).toString("base64url");
    this.#byToken.set(token, { user, administrator });
    return token;
  }

  /** All tokens of a user are void from now on. */
  revoke(user) {
    for (const [token, person] of this.#byToken) if (person.user === user) this.#byToken.delete(token);
  }

  /** Socket.IO middleware: lets a socket enter a namespace when its token is valid, and of somebody who may. */
  gate({ administrators }) {
    return (socket, next) => {
      const person = this.#byToken.get(socket.handshake.auth.token);
      if (person === undefined) return next(new Error("the token is not valid"));
      if (administrators && !person.administrator) return next(new Error("only administrators may enter"));
      socket.data.user = person.user;
      next();
    };
  }
}
