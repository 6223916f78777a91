/** What the user's inbox is among the rooms of a client: no room's name. */
export const INBOX = "@inbox";
